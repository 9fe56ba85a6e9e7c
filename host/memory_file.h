/*
 * A file without a name, in memory (memfd_create): what an emulator is given to read. Nothing of it is left
 * behind, however the launcher ends. A child that inherits the descriptor opens it by its path.
 */
#ifndef HOST_MEMORY_FILE_H
#define HOST_MEMORY_FILE_H

#include "message.h"

#include <stdint.h>

struct memory_file {
	int descriptor; /* -1: none */
	uint64_t size;
	unsigned char *bytes; /* mapped, shared */
	char path[32];        /* /proc/self/fd/N */
};

/* A file of `size` zero bytes. */
bool memory_file_create(struct memory_file *file, const char *name, uint64_t size, struct error *error);
void memory_file_close(struct memory_file *file);

#endif
