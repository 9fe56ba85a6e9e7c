/* An end's region of a wire: only that end writes it. */
#ifndef WIRE_REGION_H
#define WIRE_REGION_H

#include "wire/wire.h"

/* A piece of a frame, in the packet memory of the same region. */
struct wire_descriptor {
	uint64_t ticks; /* when it was sent */
	uint32_t offset;
	uint16_t size;
	uint16_t more; /* the next descriptor continues the frame */
};

struct wire_region {
	uint32_t state; /* PORTCULLIS_WIRE_*, by the kernel */
	uint32_t unused[15];
	uint32_t produced; /* descriptors that this end has filled, ever (modulo 2^32) */
	uint32_t consumed; /* of the other end, that this one has emptied */
	uint32_t unused_too[14];
	struct wire_descriptor ring[WIRE_RING];
	_Alignas(4096) uint8_t memory[];
};

#define WIRE_MEMORY (WIRE_SIZE - sizeof(struct wire_region)) /* bytes of packet memory */

/* Makes both regions reachable. The other one must not be looked at before the state is UP. 0 or -errno. */
int wire_regions(uint64_t name, unsigned end, struct wire_region **own, const struct wire_region **other);

#endif
