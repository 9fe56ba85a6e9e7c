/*
 * The wire: two rings of descriptors and two packet memories, one of each for either end, shared by two
 * stacks in different processes. An end writes its own region alone. A frame is moved once, by the receiving
 * end, from the packet memory of the sender to a buffer of the receiver: what the DMA engines and the cable
 * of a real link do. So neither end has to trust what the other may still change.
 *
 * The receiving end also plays the link: it delays, loses and reorders what arrives.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdint.h>

#include "wire/device.h"

#define WIRE_SIZE          0x400000 /* bytes of a region */
#define WIRE_RING          1024     /* descriptors */
#define WIRE_IN_FLIGHT     256      /* frames that the link delays at once; the others wait in the ring */
#define WIRE_PERMYRIAD     10000    /* of loss and reordering */
#define WIRE_BANDWIDTH_MAX 1000000

/* How the link treats what arrives at this end. Zeroes: a perfect one. */
struct wire_link {
	uint64_t latency;       /* ticks from sending to arrival */
	uint64_t reorder_delay; /* most ticks that a reordered frame is late */
	uint32_t loss;          /* frames in WIRE_PERMYRIAD that are lost */
	uint32_t reorder;       /* frames in WIRE_PERMYRIAD that are late */
	uint32_t bandwidth;     /* bytes in 1,000 ticks; 0: without limit */
	uint32_t unused;
	uint64_t seed; /* of the choices; the same for both ends is fine */
};

/* Opens end 0 or 1 of the wire of that name. 0 or -errno, as wire_map() (portcullis/wire.h) and -EINVAL. */
int wire_open(uint64_t name, unsigned end, const struct wire_link *link);

#endif
