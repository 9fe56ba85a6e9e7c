#include "portcullis/library.h"

#include "library/domain.h"
#include "library/heap.h"

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */

static struct heap heap; /* start is NULL until the first use */
static int lock;

/*
 * Held for a bounded number of instructions. A thread inside a domain is never ended half-way, short of
 * failing the domain, so the holder always gets on; giving up the processor lets it.
 */
static void heap_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	if (!heap.start)
		heap_init(&heap, (void *)(domain_base() + PORTCULLIS_HEAP_OFFSET),
		          domain_gate_data()->heap_limit);
}

static void heap_unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

void *portcullis_alloc(size_t size)
{
	void *memory;

	heap_lock();
	memory = heap_alloc(&heap, size);
	heap_unlock();
	return memory;
}

void portcullis_free(void *memory)
{
	bool freed;

	if (!memory)
		return;
	heap_lock();
	freed = heap_free(&heap, memory);
	heap_unlock();
	if (!freed)
		portcullis_fail();
}

size_t portcullis_usable_size(const void *memory)
{
	return heap_usable_size(memory);
}
