#include "wire/wire.h"

#include <errno.h>
#include <string.h>

#include "common/ticks.h"
#include "portcullis/wire.h"
#include "wire/link.h"
#include "wire/recorder.h"
#include "wire/region.h"

static struct wire_region *own;         /* NULL: not open */
static const struct wire_region *other; /* to be looked at while up or gone */
static uint8_t address[6];
static struct device_statistics statistics;

static void *tokens[WIRE_RING]; /* of own descriptors that end a frame, else NULL */
static uint32_t returned;       /* own descriptors whose tokens device_sent() has passed */

static struct {
	void *buffer, *token;
} supply[DEVICE_SUPPLY_MAX];
static unsigned supplied;

int wire_open(uint64_t name, unsigned end, const struct wire_link *link)
{
	int error;

	if (own)
		return -EBUSY;
	if (end > 1)
		return -EINVAL;
	error = link_open(link);
	if (!error)
		error = wire_regions(name, end, &own, &other);
	if (error) {
		own = NULL;
		return error;
	}
	address[0] = 2; /* locally administered (IEEE 802) */
	address[5] = (uint8_t)end;
	return 0;
}

void *device_memory(size_t *size)
{
	*size = WIRE_MEMORY;
	return own->memory;
}

const uint8_t *device_address(void)
{
	return address;
}

const struct device_statistics *device_statistics(void)
{
	return &statistics;
}

static uint32_t state(void)
{
	return __atomic_load_n(&own->state, __ATOMIC_ACQUIRE);
}

enum device_link device_link(void)
{
	switch (state()) {
	case PORTCULLIS_WIRE_ALONE:
		return DEVICE_LINK_WAITING;
	case PORTCULLIS_WIRE_UP:
		return DEVICE_LINK_UP;
	default:
		return other->produced == own->consumed && link_is_empty() ? DEVICE_LINK_GONE
		                                                           : DEVICE_LINK_UP;
	}
}

/* ---- sending ----------------------------------------------------------------------------------------------
 */

static bool in_packet_memory(const struct device_segment *segment)
{
	size_t offset = (size_t)((const uint8_t *)segment->data - own->memory);

	return offset <= WIRE_MEMORY && segment->size <= WIRE_MEMORY - offset &&
	       segment->size <= DEVICE_FRAME_MAX;
}

int device_send(const struct device_segment *segments, unsigned count, void *token)
{
	uint32_t produced = own->produced;
	uint64_t now = ticks_now();
	size_t size = 0;

	if (state() != PORTCULLIS_WIRE_UP)
		return -ENETDOWN;
	if (count == 0 || count > DEVICE_SEGMENTS_MAX)
		return -EINVAL;
	if (WIRE_RING - (produced - returned) < count)
		return -EAGAIN;
	for (unsigned i = 0; i < count; i++, produced++) {
		struct wire_descriptor *descriptor = &own->ring[produced % WIRE_RING];

		if (!in_packet_memory(&segments[i]))
			return -EINVAL;
		descriptor->ticks = now;
		descriptor->offset = (uint32_t)((const uint8_t *)segments[i].data - own->memory);
		descriptor->size = (uint16_t)segments[i].size;
		descriptor->more = i + 1 < count;
		tokens[produced % WIRE_RING] = i + 1 < count ? NULL : token;
		size += segments[i].size;
	}
	if (recorder_is_on())
		recorder_sent(now, segments, count, size);
	statistics.frames_sent++;
	statistics.bytes_sent += size;
	__atomic_store_n(&own->produced, produced, __ATOMIC_RELEASE);
	return 0;
}

void *device_sent(void)
{
	uint32_t done;

	if (returned == own->produced)
		return NULL;
	/* Nobody takes what is left when the other end is gone. */
	done = state() == PORTCULLIS_WIRE_UP ? __atomic_load_n(&other->consumed, __ATOMIC_ACQUIRE)
	                                     : own->produced;
	while (returned != done && returned != own->produced) {
		void *token = tokens[returned++ % WIRE_RING];

		if (token)
			return token;
	}
	return NULL;
}

/* ---- receiving --------------------------------------------------------------------------------------------
 */

bool device_supply(void *buffer, void *token)
{
	if (supplied == DEVICE_SUPPLY_MAX)
		return false;
	supply[supplied].buffer = buffer;
	supply[supplied++].token = token;
	return true;
}

/*
 * Moves the frame at the head of the other end's ring into `buffer`. Its size; 0: it makes no sense. The
 * other end may write into its region at any time, so that each of its words is read once.
 */
static size_t take(uint8_t *buffer, uint32_t produced, uint64_t *ticks)
{
	uint32_t consumed = own->consumed;
	size_t size = 0;
	bool more = true, valid = true;

	while (more && consumed != produced) {
		const struct wire_descriptor *descriptor = &other->ring[consumed++ % WIRE_RING];
		uint64_t words[2];
		uint32_t offset, part;

		memcpy(words, descriptor, sizeof(words));
		__asm__("" : "+r"(words[0]), "+r"(words[1])); /* here they are read, and nowhere else */
		*ticks = words[0];
		offset = (uint32_t)words[1];
		part = (uint16_t)(words[1] >> 32);
		more = words[1] >> 48;
		valid = valid && offset <= WIRE_MEMORY && part <= WIRE_MEMORY - offset &&
		        part <= DEVICE_FRAME_MAX - size;
		if (!valid)
			continue;
		memcpy(buffer + size, other->memory + offset, part);
		size += part;
	}
	__atomic_store_n(&own->consumed, consumed, __ATOMIC_RELEASE);
	return valid ? size : 0;
}

/* Passes by the frame at the head of the ring. */
static void skip(uint32_t produced)
{
	uint32_t consumed = own->consumed;

	while (consumed != produced && other->ring[consumed++ % WIRE_RING].more)
		;
	__atomic_store_n(&own->consumed, consumed, __ATOMIC_RELEASE);
}

static void *deliver(uint64_t ticks, void *token, size_t size, const void *buffer)
{
	statistics.frames_received++;
	statistics.bytes_received += size;
	if (recorder_is_on())
		recorder_received(ticks, buffer, size);
	return token;
}

void *device_received(size_t *size)
{
	struct flight flight;
	uint32_t produced;

	if (state() == PORTCULLIS_WIRE_ALONE)
		return NULL;
	produced = __atomic_load_n(&other->produced, __ATOMIC_ACQUIRE);
	while (own->consumed != produced && !link_is_full()) {
		uint64_t ticks;
		void *buffer, *token;

		if (!supplied || link_loses()) {
			*(supplied ? &statistics.frames_lost : &statistics.frames_dropped) += 1;
			skip(produced);
			continue;
		}
		buffer = supply[--supplied].buffer;
		token = supply[supplied].token;
		*size = take(buffer, produced, &ticks);
		if (!*size) {
			supplied++;
			statistics.frames_dropped++;
			continue;
		}
		if (link_is_perfect())
			return deliver(ticks, token, *size, buffer);
		link_launch(ticks, buffer, token, *size, &statistics);
	}
	if (link_is_perfect() || !link_land(&flight))
		return NULL;
	*size = flight.size;
	return deliver(ticks_now(), flight.token, flight.size, flight.buffer);
}
