/*
 * Records the frames that pass the device, in the format of pcap files (with nanosecond resolution, link type
 * Ethernet; one tick counts as one nanosecond). The records wait in the library's heap until they are
 * drained; what does not fit is counted, and left out.
 */
#ifndef WIRE_RECORDER_H
#define WIRE_RECORDER_H

#include "wire/device.h"

#define RECORDER_MAX 0x400000 /* bytes that can wait */

/* Starts with the file's header. 0, -EINVAL (size 0 or more than RECORDER_MAX) or -ENOMEM. */
int recorder_open(size_t size);

extern bool recorder_on;

static inline bool recorder_is_on(void)
{
	return recorder_on;
}

void recorder_sent(uint64_t ticks, const struct device_segment *segments, unsigned count, size_t size);
void recorder_received(uint64_t ticks, const void *frame, size_t size);

/* What waits: its first byte and size; and gives up the first `size` bytes of it. */
const void *recorder_waiting(size_t *size);
void recorder_drop(size_t size);

uint64_t recorder_left_out(void); /* frames */

#endif
