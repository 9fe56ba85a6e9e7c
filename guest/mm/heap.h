/* Small kernel objects: size classes by powers of two from 32 to 2048 bytes, whole frames above (up to 4 MiB). */
#ifndef GUEST_MM_HEAP_H
#define GUEST_MM_HEAP_H

#include <stddef.h>

/* `size` bytes aligned to the next power of two of their size (at most 4096); NULL when memory is out. */
void *kmalloc(size_t size);
void *kzalloc(size_t size); /* zeroed */
void kfree(void *object);   /* NULL is fine */

#endif
