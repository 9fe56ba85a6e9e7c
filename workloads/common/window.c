#include "common/window.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "portcullis/library.h"

uint64_t window_bytes_copied;

static size_t chunk_size(unsigned chunk)
{
	return (size_t)WINDOW_CHUNK_SIZE << chunk;
}

static void *map(size_t size)
{
	long address = portcullis_system_call(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
	                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return address < 0 ? NULL : (void *)address;
}

void *window_put(struct window *window, const void *from, size_t size)
{
	size_t at = (window->used + 7) & ~(size_t)7;
	char *target;

	while (at > chunk_size(window->current) || size > chunk_size(window->current) - at) {
		if (window->current + 1 == WINDOW_CHUNKS)
			return NULL;
		window->current++;
		at = 0;
	}
	if (!window->chunks[window->current])
		window->chunks[window->current] = map(chunk_size(window->current));
	target = window->chunks[window->current];
	if (!target || portcullis_copy_out(target + at, from, size))
		return NULL;
	window->used = at + size;
	window_bytes_copied += size;
	return target + at;
}

void window_release(struct window *window)
{
	for (unsigned chunk = 0; chunk < WINDOW_CHUNKS; chunk++)
		if (window->chunks[chunk])
			portcullis_system_call(SYS_munmap, (long)window->chunks[chunk],
			                       (long)chunk_size(chunk), 0, 0, 0, 0);
	*window = (struct window){0};
}
