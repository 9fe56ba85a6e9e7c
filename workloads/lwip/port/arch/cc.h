/* The compiler and the environment, for lwIP. */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "portcullis/library.h"

#define LWIP_NO_UNISTD_H 1

/* A broken invariant of the stack stops the library. */
#define LWIP_PLATFORM_DIAG(arguments)
#define LWIP_PLATFORM_ASSERT(text) portcullis_fail()

#define LWIP_RAND() stack_random()

/* In stack.c. */
uint32_t stack_random(void);
void *stack_copy(void *to, const void *from, size_t size);
void *packet_alloc(size_t size);
void *packet_calloc(size_t count, size_t size);
void packet_free(void *memory);

#endif
