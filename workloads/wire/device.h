/*
 * A network device as a polled stack sees it. One implementation is linked into a stack: wire.c is a virtual
 * device that needs no hardware; a driver of a real one provides the same functions.
 *
 * Frames are Ethernet frames without check sequence. A frame to be sent stays in the stack's memory, in
 * pieces, until the device has taken it (tokens say which); a frame that arrives is placed by the device into
 * a buffer that the stack supplied. All of that lies in the device's packet memory, so that neither side
 * copies.
 *
 * All calls are made by one thread at a time. Errors are negative errno values.
 */
#ifndef WIRE_DEVICE_H
#define WIRE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_MTU          1500 /* bytes behind the Ethernet header */
#define DEVICE_FRAME_MAX    (DEVICE_MTU + 14)
#define DEVICE_SEGMENTS_MAX 64 /* pieces of one frame */
#define DEVICE_SUPPLY_MAX   64 /* buffers that the device holds at once */

struct device_segment {
	const void *data; /* in packet memory */
	size_t size;
};

struct device_statistics {
	uint64_t frames_sent, bytes_sent;
	uint64_t frames_received, bytes_received;
	uint64_t frames_lost;      /* by the link, on purpose */
	uint64_t frames_reordered; /* likewise */
	uint64_t frames_dropped;   /* there was no buffer for them */
};

enum device_link { DEVICE_LINK_WAITING, DEVICE_LINK_UP, DEVICE_LINK_GONE };

/* Packet memory, and the station's address; they exist once the device is open. */
void *device_memory(size_t *size);
const uint8_t *device_address(void);

/* What became of the other end; GONE once nothing of what it sent is left to be received. */
enum device_link device_link(void);

/*
 * Sends a frame of at most DEVICE_FRAME_MAX bytes in `count` pieces. 0; -EAGAIN: no room now; -ENETDOWN:
 * nobody is there to receive it; -EINVAL: too many pieces, or not in packet memory. After 0 the pieces belong
 * to the device until device_sent() returns the token, which is not NULL.
 */
int device_send(const struct device_segment *segments, unsigned count, void *token);

/* The next token whose frame has been taken, in the order of sending; NULL: none. */
void *device_sent(void);

/* Gives the device a buffer of DEVICE_FRAME_MAX bytes to receive into. False: it holds enough. */
bool device_supply(void *buffer, void *token);

/* The next frame that has arrived: the token of the buffer that it is in, and its size. NULL: none. */
void *device_received(size_t *size);

const struct device_statistics *device_statistics(void);

#endif
