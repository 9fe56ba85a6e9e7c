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

#endif
