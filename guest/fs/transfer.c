/* read and write in all their forms, lseek. */
#include "fs/fcntl.h"
#include "fs/file.h"
#include "fs/inode.h"
#include "fs/io.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"

#define SEGMENTS_ON_STACK 8

enum direction { READING, WRITING };

static bool allowed(const struct file *file, enum direction direction)
{
	unsigned access = file->flags & O_ACCMODE;

	return access == O_RDWR || access == (direction == READING ? O_RDONLY : O_WRONLY);
}

/* `position` NULL: the file's own. */
static long move(struct file *file, struct user_io *io, uint64_t *position, enum direction direction)
{
	long result;

	file_get(file); /* another thread may close it while this one sleeps */
	result = (direction == READING ? file->ops->read
	                               : file->ops->write)(file, io, position ? position : &file->position);
	file_put(file);
	return result;
}

/* 0, -EBADF, or -EINVAL for a kind of file that does not do this. */
static long check(const struct file *file, enum direction direction)
{
	if (!allowed(file, direction))
		return -EBADF;
	return (direction == READING ? file->ops->read : file->ops->write) ? 0 : -EINVAL;
}

static long transfer(struct file *file, uint64_t buffer, size_t size, uint64_t *position,
                     enum direction direction)
{
	struct linux_iovec segment = {buffer, size};
	struct user_io io;
	long error = check(file, direction);

	if (!error)
		error = io_begin(&io, &segment, 1);
	return error ? error : move(file, &io, position, direction);
}

static long transfer_one(int fd, uint64_t buffer, size_t size, enum direction direction)
{
	struct file *file = fd_get(fd);

	return file ? transfer(file, buffer, size, NULL, direction) : -EBADF;
}

static long transfer_one_at(int fd, uint64_t buffer, size_t size, int64_t position, enum direction direction)
{
	uint64_t at = (uint64_t)position;
	struct file *file;

	if (position < 0)
		return -EINVAL;
	file = fd_get(fd);
	if (!file)
		return -EBADF;
	if (!file->ops->seek)
		return -ESPIPE;
	return transfer(file, buffer, size, &at, direction);
}

/* Reads the user's segment list and moves. */
static long transfer_segments(struct file *file, uint64_t vector, uint64_t count, uint64_t *position,
                              enum direction direction)
{
	struct linux_iovec on_stack[SEGMENTS_ON_STACK], *segments = on_stack;
	struct user_io io;
	long result;

	if (count > IO_SEGMENTS_MAX)
		return -EINVAL;
	if (count > SEGMENTS_ON_STACK) {
		segments = kmalloc(count * sizeof(*segments));
		if (!segments)
			return -ENOMEM;
	}
	result = copy_from_user(segments, vector, count * sizeof(*segments));
	if (!result)
		result = io_begin(&io, segments, count);
	if (!result)
		result = check(file, direction);
	if (!result)
		result = move(file, &io, position, direction);
	if (segments != on_stack)
		kfree(segments);
	return result;
}

static long transfer_vector(int fd, uint64_t vector, uint64_t count, enum direction direction)
{
	struct file *file = fd_get(fd);

	return file ? transfer_segments(file, vector, count, NULL, direction) : -EBADF;
}

static long transfer_vector_at(int fd, uint64_t vector, uint64_t count, int64_t position,
                               enum direction direction)
{
	uint64_t at = (uint64_t)position;
	struct file *file;

	if (position < 0)
		return -EINVAL;
	file = fd_get(fd);
	if (!file)
		return -EBADF;
	if (!file->ops->seek)
		return -ESPIPE;
	return transfer_segments(file, vector, count, &at, direction);
}

long sys_read(int fd, uint64_t buffer, size_t size)
{
	return transfer_one(fd, buffer, size, READING);
}

long sys_write(int fd, uint64_t buffer, size_t size)
{
	return transfer_one(fd, buffer, size, WRITING);
}

long sys_pread64(int fd, uint64_t buffer, size_t size, int64_t position)
{
	return transfer_one_at(fd, buffer, size, position, READING);
}

long sys_pwrite64(int fd, uint64_t buffer, size_t size, int64_t position)
{
	return transfer_one_at(fd, buffer, size, position, WRITING);
}

long sys_readv(int fd, uint64_t vector, uint64_t count)
{
	return transfer_vector(fd, vector, count, READING);
}

long sys_writev(int fd, uint64_t vector, uint64_t count)
{
	return transfer_vector(fd, vector, count, WRITING);
}

long sys_preadv(int fd, uint64_t vector, uint64_t count, int64_t position)
{
	return transfer_vector_at(fd, vector, count, position, READING);
}

long sys_pwritev(int fd, uint64_t vector, uint64_t count, int64_t position)
{
	return transfer_vector_at(fd, vector, count, position, WRITING);
}

long sys_lseek(int fd, int64_t offset, int whence)
{
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	if ((unsigned)whence > SEEK_HOLE)
		return -EINVAL;
	return file->ops->seek ? file->ops->seek(file, offset, whence) : -ESPIPE;
}
