/*
 * The user memory that one read or write moves: a list of segments and how far it got. Every copy between a
 * file and a program goes through here, page by page, so that a fault in the middle yields the exact count
 * that Linux reports.
 */
#ifndef GUEST_FS_IO_H
#define GUEST_FS_IO_H

#include "fs/abi.h"
#include "lib/lib.h"

#define IO_SEGMENTS_MAX 1024         /* UIO_MAXIOV */
#define IO_SIZE_MAX     0x7ffff000UL /* MAX_RW_COUNT: a longer transfer is cut to this */

struct user_io {
	const struct linux_iovec *segment; /* the current one */
	uint64_t offset;                   /* in it */
	size_t left;                       /* bytes in all segments from here on */
};

/*
 * Starts on `count` segments (kernel memory, which must outlive `io`). 0, -EINVAL for a length that is not a
 * ssize_t, -EFAULT for an address that the thread may not name.
 */
long io_begin(struct user_io *io, const struct linux_iovec *segments, unsigned count);

/* Move at most `size` bytes and advance. The bytes moved: fewer than asked for when the segments end or
 * fault. */
size_t io_to_user(struct user_io *io, const void *from, size_t size);
size_t io_from_user(struct user_io *io, void *to, size_t size);
size_t io_zero_user(struct user_io *io, size_t size);

#endif
