#include "portcullis/library.h"

#include "library/domain.h"

static void *states[PORTCULLIS_CLIENTS_MAX];

/*
 * The one access to a segment base in an image: only backend `none`, which leaves the thread on the
 * application's stack, gets here. mkimage lets this function pass by its name.
 */
__attribute__((noinline)) unsigned portcullis_thread_page_slot(void)
{
	uint64_t slot;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(slot) : "i"(PORTCULLIS_THREAD_PAGE_SLOT));
	return (unsigned)slot;
}

/* Protected stacks are numbered by thread slot: only a gate can have brought the thread there. */
unsigned domain_thread_slot(void)
{
	uintptr_t offset = (uintptr_t)__builtin_frame_address(0) - (domain_base() + PORTCULLIS_STACKS_OFFSET);

	if (offset < PORTCULLIS_THREADS_MAX * (uintptr_t)PORTCULLIS_STACK_STRIDE)
		return (unsigned)(offset / PORTCULLIS_STACK_STRIDE);
	return portcullis_thread_page_slot();
}

const struct portcullis_client *portcullis_client(void)
{
	return (const struct portcullis_client *)domain_gate_data()->threads[domain_thread_slot()].client;
}

void **portcullis_state_of(const struct portcullis_client *client)
{
	return &states[client->index];
}

void **portcullis_client_state(void)
{
	return portcullis_state_of(portcullis_client());
}
