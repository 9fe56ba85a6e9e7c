/* Regions for programs that link the stack directly: both in one file that both ends map. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portcullis/wire.h"
#include "wire/region.h"

static struct wire_region *mine, *peer;
static char path[64];

/* The ends tell each other what the kernel tells domains. */
static void leave(void)
{
	peer->state = PORTCULLIS_WIRE_GONE;
	unlink(path);
}

int wire_regions(uint64_t name, unsigned end, struct wire_region **own, const struct wire_region **other)
{
	char *memory = MAP_FAILED;
	int file;

	mkdir("/tmp", 01777);
	snprintf(path, sizeof(path), "/tmp/wire-%" PRIu64, name);
	file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file >= 0 && ftruncate(file, 2 * WIRE_SIZE) == 0)
		memory = mmap(NULL, 2 * WIRE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	if (memory == MAP_FAILED)
		return -errno;
	mine = (struct wire_region *)(memory + end * (size_t)WIRE_SIZE);
	peer = (struct wire_region *)(memory + !end * (size_t)WIRE_SIZE);
	atexit(leave);
	/* The first end to come finds zeroes, and leaves a mark in its own region for the second. */
	if (__atomic_exchange_n(&mine->unused[0], 1, __ATOMIC_SEQ_CST))
		return -EBUSY;
	if (__atomic_load_n(&peer->unused[0], __ATOMIC_SEQ_CST)) {
		mine->state = PORTCULLIS_WIRE_UP;
		peer->state = PORTCULLIS_WIRE_UP;
	}
	*own = mine;
	*other = peer;
	return 0;
}
