#include "fs/io.h"

#include "lib/errno.h"
#include "mm/layout.h"
#include "mm/uaccess.h"
#include "proc/process.h"

long io_begin(struct user_io *io, const struct linux_iovec *segments, unsigned count)
{
	size_t total = 0;

	for (unsigned i = 0; i < count; i++)
		if ((int64_t)segments[i].length < 0)
			return -EINVAL;
	for (unsigned i = 0; i < count; i++) {
		size_t length = segments[i].length;

		if (!user_range_is_allowed(segments[i].base, length))
			return -EFAULT;
		total += MIN(length, IO_SIZE_MAX - total);
	}
	io->segment = segments;
	io->offset = 0;
	io->left = total;
	return 0;
}

/* The next piece that lies in one segment and one user page. */
static size_t next_piece(struct user_io *io, size_t size, uint64_t *address)
{
	size = MIN(size, io->left);
	if (!size)
		return 0;
	while (io->offset == io->segment->length) {
		io->segment++;
		io->offset = 0;
	}
	*address = io->segment->base + io->offset;
	size = MIN(size, io->segment->length - io->offset);
	return MIN(size, PAGE_SIZE - *address % PAGE_SIZE);
}

static void advance(struct user_io *io, size_t size)
{
	io->offset += size;
	io->left -= size;
}

size_t io_to_user(struct user_io *io, const void *from, size_t size)
{
	size_t done = 0, piece;
	uint64_t address;

	while ((piece = next_piece(io, size - done, &address))) {
		if (copy_to_user(address, (const char *)from + done, piece) < 0)
			break;
		advance(io, piece);
		done += piece;
	}
	return done;
}

size_t io_from_user(struct user_io *io, void *to, size_t size)
{
	size_t done = 0, piece;
	uint64_t address;

	while ((piece = next_piece(io, size - done, &address))) {
		if (copy_from_user((char *)to + done, address, piece) < 0)
			break;
		advance(io, piece);
		done += piece;
	}
	return done;
}

size_t io_zero_user(struct user_io *io, size_t size)
{
	size_t done = 0, piece;
	uint64_t address;

	while ((piece = next_piece(io, size - done, &address))) {
		if (clear_user(address, piece) < 0)
			break;
		advance(io, piece);
		done += piece;
	}
	return done;
}
