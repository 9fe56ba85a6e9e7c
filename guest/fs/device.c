/* Device files: a table of names, numbers (Linux: Documentation/admin-guide/devices.txt) and operations. */
#include "fs/fcntl.h"
#include "fs/inode.h"
#include "fs/io.h"
#include "fs/records.h"
#include "channel.h"
#include "lib/errno.h"
#include "random.h"

#define DEVICE(major, minor) ((uint64_t)(major) << 8 | (minor)) /* both below 256 */

static long null_read(struct file *file, struct user_io *io, uint64_t *position)
{
	(void)file, (void)io, (void)position;
	return 0;
}

/* Takes everything without looking. */
static long null_write(struct file *file, struct user_io *io, uint64_t *position)
{
	(void)file, (void)position;
	return (long)io->left;
}

static long null_seek(struct file *file, int64_t offset, int whence)
{
	(void)offset, (void)whence;
	file->position = 0;
	return 0;
}

static long zero_read(struct file *file, struct user_io *io, uint64_t *position)
{
	size_t wanted = io->left, done = io_zero_user(io, wanted);

	(void)file, (void)position;
	return wanted && !done ? -EFAULT : (long)done;
}

static long full_write(struct file *file, struct user_io *io, uint64_t *position)
{
	(void)file, (void)io, (void)position;
	return -ENOSPC;
}

static long random_read(struct file *file, struct user_io *io, uint64_t *position)
{
	size_t wanted = io->left, done = 0, moved, size;
	char piece[256];

	(void)file, (void)position;
	do {
		size = MIN(io->left, sizeof(piece));
		random_bytes(piece, size);
		moved = io_to_user(io, piece, size);
		done += moved;
	} while (moved && moved == size && io->left);
	return wanted && !done ? -EFAULT : (long)done;
}

static long random_seek(struct file *file, int64_t offset, int whence)
{
	(void)offset, (void)whence;
	return (long)file->position;
}

static long console_write(struct file *file, struct user_io *io, uint64_t *position)
{
	size_t wanted = io->left, done = 0, size;
	char piece[256];

	(void)file, (void)position;
	while ((size = io_from_user(io, piece, sizeof(piece)))) {
		channel_console(piece, size);
		done += size;
	}
	return wanted && !done ? -EFAULT : (long)done;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = null_seek};
static const struct file_ops zero_ops = {.read = zero_read, .write = null_write, .seek = null_seek};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = null_seek};
static const struct file_ops random_ops = {.read = random_read, .write = null_write, .seek = random_seek};
static const struct file_ops console_ops = {.read = null_read, .write = console_write};

static const struct device {
	const char *name;
	uint64_t number;
	uint32_t permissions;
	const struct file_ops *ops;
} devices[] = {
        {"null", DEVICE(1, 3), 0666, &null_ops},
        {"zero", DEVICE(1, 5), 0666, &zero_ops},
        {"full", DEVICE(1, 7), 0666, &full_ops},
        {"random", DEVICE(1, 8), 0666, &random_ops},
        {"urandom", DEVICE(1, 9), 0666, &random_ops},
        {"tty", DEVICE(5, 0), 0666, &console_ops},
        {"console", DEVICE(5, 1), 0666, &console_ops},
        {"records", DEVICE(240, 0), 0222, &records_ops}, /* 240 and up: for local use */
};

void devices_init(struct inode *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		struct inode *inode = inode_create(INODE_DEVICE, devices[i].permissions);

		if (inode) {
			inode->device = devices[i].number;
			inode->ops = devices[i].ops;
		}
		directory_make(dev, devices[i].name, inode);
	}
}
