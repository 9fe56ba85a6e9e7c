#include "wire/recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of a pcap file: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html, sections 4 and 5. */
#define MAGIC_NANOSECONDS 0xa1b23c4d
#define VERSION_MAJOR     2
#define VERSION_MINOR     4
#define LINK_ETHERNET     1
#define SECOND            1000000000

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t unused[2];
	uint32_t snapshot; /* most bytes of a frame that are kept */
	uint32_t link;
};

struct packet_header {
	uint32_t seconds, nanoseconds;
	uint32_t kept, size;
};

bool recorder_on;
static char *memory; /* [start, end) waits */
static size_t room, start, end;
static uint64_t left_out;

int recorder_open(size_t size)
{
	static const struct file_header header = {.magic = MAGIC_NANOSECONDS,
	                                          .major = VERSION_MAJOR,
	                                          .minor = VERSION_MINOR,
	                                          .snapshot = 65535,
	                                          .link = LINK_ETHERNET};

	if (size < sizeof(header) || size > RECORDER_MAX)
		return -EINVAL;
	memory = malloc(size);
	if (!memory)
		return -ENOMEM;
	room = size;
	memcpy(memory, &header, sizeof(header));
	end = sizeof(header);
	recorder_on = true;
	return 0;
}

/* Room for one more record, with its header filled in. NULL: there is none. */
static char *add(uint64_t ticks, size_t size)
{
	struct packet_header header = {(uint32_t)(ticks / SECOND), (uint32_t)(ticks % SECOND), (uint32_t)size,
	                               (uint32_t)size};
	char *record;

	if (room - (end - start) < sizeof(header) + size) {
		left_out++;
		return NULL;
	}
	if (room - end < sizeof(header) + size) {
		memmove(memory, memory + start, end - start);
		end -= start;
		start = 0;
	}
	record = memory + end;
	memcpy(record, &header, sizeof(header));
	end += sizeof(header) + size;
	return record + sizeof(header);
}

void recorder_sent(uint64_t ticks, const struct device_segment *segments, unsigned count, size_t size)
{
	char *to = add(ticks, size);

	for (unsigned i = 0; to && i < count; to += segments[i++].size)
		memcpy(to, segments[i].data, segments[i].size);
}

void recorder_received(uint64_t ticks, const void *frame, size_t size)
{
	char *to = add(ticks, size);

	if (to)
		memcpy(to, frame, size);
}

const void *recorder_waiting(size_t *size)
{
	*size = end - start;
	return memory + start;
}

void recorder_drop(size_t size)
{
	start += size;
}

uint64_t recorder_left_out(void)
{
	return left_out;
}
