#include "buffers.h"

#include <string.h>

#include "arch/cc.h"
#include "library/heap.h"
#include "wire/device.h"

#define BUFFERS_MAX 1536 /* received frames that wait at once; the rest of packet memory is for sending */

struct buffer {
	struct pbuf_custom pbuf; /* first: a pbuf is its buffer */
	struct buffer *next;
	uint8_t frame[DEVICE_FRAME_MAX + 2];
};

static struct heap heap;
static struct buffer *unused;
static unsigned made;

void *packet_alloc(size_t size)
{
	return heap_alloc(&heap, size);
}

void *packet_calloc(size_t count, size_t size)
{
	void *memory = packet_alloc(count * size); /* of lwIP's own small structures */

	return memory ? memset(memory, 0, count * size) : NULL;
}

void packet_free(void *memory)
{
	if (memory && !heap_free(&heap, memory))
		portcullis_fail();
}

void buffers_open(void)
{
	size_t size;
	void *memory = device_memory(&size);

	heap_init(&heap, memory, size);
}

static void release(struct pbuf *pbuf)
{
	struct buffer *buffer = (struct buffer *)pbuf;

	buffer->next = unused;
	unused = buffer;
}

/* A buffer that was used before is more likely to be in a cache. NULL: there is none. */
static struct buffer *take(void)
{
	struct buffer *buffer = unused;

	if (buffer) {
		unused = buffer->next;
	} else if (made < BUFFERS_MAX && (buffer = packet_alloc(sizeof(*buffer)))) {
		made++;
		buffer->pbuf.custom_free_function = release;
	}
	return buffer;
}

void buffers_supply(unsigned count)
{
	while (count-- > 0) {
		struct buffer *buffer = take();

		if (!buffer)
			return;
		if (!device_supply(buffer->frame, buffer)) {
			release(&buffer->pbuf.pbuf);
			return;
		}
	}
}

struct pbuf *buffers_receive(void)
{
	size_t size;
	struct buffer *buffer = device_received(&size);

	return buffer ? pbuf_alloced_custom(PBUF_RAW, (u16_t)size, PBUF_POOL, &buffer->pbuf, buffer->frame,
	                                    sizeof(buffer->frame))
	              : NULL;
}
