/*
 * The kernel's part of attaching, on the host and without protection: the tests link it in place of the
 * system call. One process, one client, the thread slots below HOST_SLOTS with their stacks.
 */
#ifndef TESTS_HOST_KERNEL_H
#define TESTS_HOST_KERNEL_H

#include <stdint.h>

#define HOST_SLOTS 8

/* Base of an attached domain, 0 if there is none of this number. */
uintptr_t host_domain(int domain);

/* Gives the calling thread a slot, as the page at GS base would. */
void host_set_slot(unsigned slot);

/* Calls function() on the protected stack of `slot`. */
uint64_t host_call_on_stack(int domain, unsigned slot, uint64_t (*function)(void));

#endif
