/*
 * For wrappers of a library's functions: is there a border between the library and its caller?
 *
 * Every gate changes to a protected stack in the domain; without protection (backend `none`) a thread keeps
 * its own. So it is the stack pointer that tells, and no application can choose the answer.
 */
#ifndef COMMON_BORDER_H
#define COMMON_BORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "portcullis/layout.h"

/* True: caller and library use each other's memory, so arguments and results may stay where they are. */
static inline __attribute__((always_inline)) bool border_is_open(void)
{
	uintptr_t code, stack;

	__asm__("lea (%%rip), %0\n\tmov %%rsp, %1" : "=r"(code), "=r"(stack));
	return (code ^ stack) >= PORTCULLIS_DOMAIN_SIZE;
}

#endif
