#include "portcullis/library.h"

#include "library/domain.h"
#include "library/heap.h"

static struct heap heap; /* start is NULL until the first use */
static struct portcullis_lock lock;

static void heap_lock(void)
{
	portcullis_lock(&lock);
	if (!heap.start)
		heap_init(&heap, (void *)(domain_base() + PORTCULLIS_HEAP_OFFSET),
		          domain_gate_data()->heap_limit);
}

void *portcullis_alloc(size_t size)
{
	void *memory;

	heap_lock();
	memory = heap_alloc(&heap, size);
	portcullis_unlock(&lock);
	return memory;
}

void portcullis_free(void *memory)
{
	bool freed;

	if (!memory)
		return;
	heap_lock();
	freed = heap_free(&heap, memory);
	portcullis_unlock(&lock);
	if (!freed)
		portcullis_fail();
}

size_t portcullis_usable_size(const void *memory)
{
	return heap_usable_size(memory);
}
