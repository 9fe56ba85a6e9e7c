/*
 * A window: memory of the application to which a library copies what it hands out by pointer, because the
 * application cannot read the domain's. The library maps it; the application may do with it what it wants,
 * and harms only itself.
 *
 * A window belongs to one client of the library; all functions are called by threads of that client, one at a
 * time.
 */
#ifndef COMMON_WINDOW_H
#define COMMON_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_CHUNKS 14 /* chunk n holds WINDOW_CHUNK_SIZE << n bytes: 1 GiB in all */

#define WINDOW_CHUNK_SIZE (64u << 10)

/* Zeroes: empty, no memory yet. */
struct window {
	void *chunks[WINDOW_CHUNKS];
	uint32_t current;
	size_t used; /* bytes of the current chunk */
};

/*
 * Copies `size` bytes into the window; the copy stays there, 8-byte aligned, until the window is cleared.
 * NULL: the process has no more memory, or the window's is no longer there.
 */
void *window_put(struct window *window, const void *from, size_t size);

/* Ends the life of everything in the window; the memory is kept for what follows. */
static inline void window_clear(struct window *window)
{
	window->current = 0;
	window->used = 0;
}

/* Gives the memory back to the process. */
void window_release(struct window *window);

/* Bytes that the library has copied in and out, of all its clients: wrappers add to it. */
extern uint64_t window_bytes_copied;

#endif
