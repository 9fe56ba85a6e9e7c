/* The C library's names for the domain's heap. An image that brings its own allocator keeps it: these are
 * weak. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "portcullis/library.h"

__attribute__((weak)) void *malloc(size_t size)
{
	void *memory = portcullis_alloc(size);

	if (!memory)
		errno = ENOMEM;
	return memory;
}

__attribute__((weak)) void free(void *memory)
{
	portcullis_free(memory);
}

__attribute__((weak)) void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *memory;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	memory = malloc(bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

__attribute__((weak)) void *realloc(void *memory, size_t size)
{
	size_t usable;
	void *moved;

	if (!memory)
		return malloc(size);
	usable = portcullis_usable_size(memory);
	if (size <= usable)
		return memory;
	moved = malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, memory, usable);
	free(memory);
	return moved;
}
