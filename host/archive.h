/* The archive that a guest gets as its file system: made from a folder or read from a file, and checked. */
#ifndef HOST_ARCHIVE_H
#define HOST_ARCHIVE_H

#include "host/buffer.h"

/* From `path`, a folder or a cpio file. 0, or -1 with a sentence in `reason`. */
int archive_load(const char *path, struct buffer *archive, char *reason, size_t size);

/*
 * Can `program`, an absolute path, be executed in this file system? 0, or -1 with a sentence. Paths through
 * symbolic links are left to the guest.
 */
int archive_check_program(const struct buffer *archive, const char *program, char *reason, size_t size);

#endif
