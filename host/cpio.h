/* Packs a folder into a cpio archive in the "newc" format, which guest/fs/cpio.c reads. */
#ifndef HOST_CPIO_H
#define HOST_CPIO_H

#include "host/buffer.h"

/*
 * Appends the archive of the folder `root`: folders, regular files (hard links kept), symbolic links; modes
 * kept, owner 0, no times, sorted by name, so that equal folders make equal archives. 0, or -1 with a
 * sentence in `reason`.
 */
int cpio_pack(const char *root, struct buffer *archive, char *reason, size_t size);

/* A member of an archive: the file at `path`, or a folder where that is NULL. */
struct cpio_member {
	const char *name; /* in the archive, without a leading slash */
	const char *path;
};

/* Appends the archive of these members; folders before what is in them. As cpio_pack() otherwise. */
int cpio_pack_members(const struct cpio_member *members, unsigned count, struct buffer *archive, char *reason,
                      size_t size);

#endif
