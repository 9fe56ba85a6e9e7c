/*
 * /dev/records: what a program writes here, one JSON object a line, goes to the watcher as LINK_RECORD. Each
 * open file assembles its own lines, so a line may come in pieces.
 */
#include "fs/records.h"

#include "abi/link.h"
#include "channel.h"
#include "fs/io.h"
#include "fs/json.h"
#include "lib/errno.h"
#include "mm/heap.h"

#define RECORD_MAX 4096 /* bytes of a line without its newline */

struct assembly {
	size_t used;
	bool skipping; /* up to the end of a line whose beginning was refused */
	char line[RECORD_MAX];
};

/* False: the line is no record. */
static bool send(struct assembly *assembly)
{
	bool valid = json_is_object(assembly->line, assembly->used);

	if (valid)
		channel_line(LINK_RECORD, assembly->line, assembly->used);
	assembly->used = 0;
	return valid;
}

static bool take(struct assembly *assembly, char byte)
{
	if (assembly->skipping) {
		assembly->skipping = byte != '\n';
		return true;
	}
	if (byte == '\n')
		return send(assembly);
	if (assembly->used == RECORD_MAX) {
		assembly->used = 0;
		return false;
	}
	assembly->line[assembly->used++] = byte;
	return true;
}

/* Drops the rest of a write that is refused. True when it ends in the middle of a line. */
static bool drop_rest(struct user_io *io, char last)
{
	char piece[256];
	size_t size;

	while ((size = io_from_user(io, piece, sizeof(piece))))
		last = piece[size - 1];
	return last != '\n';
}

/*
 * A write is refused with -EINVAL from the first line on that is no record. Good lines before it in the same
 * write count: then the write is short, and it is the next one, which begins with that line, that is refused.
 */
static long records_write(struct file *file, struct user_io *io, uint64_t *position)
{
	struct assembly *assembly = file->private;
	size_t wanted = io->left, size;
	long done = 0, lines_end = 0;
	char piece[256];

	(void)position;
	while ((size = io_from_user(io, piece, sizeof(piece)))) {
		for (size_t i = 0; i < size; i++) {
			done++;
			if (take(assembly, piece[i])) {
				lines_end = piece[i] == '\n' ? done : lines_end;
				continue;
			}
			assembly->skipping = !lines_end && drop_rest(io, piece[size - 1]);
			return lines_end ? lines_end : -EINVAL;
		}
	}
	return wanted && !done ? -EFAULT : done;
}

static long records_open(struct file *file)
{
	struct assembly *assembly = kmalloc(sizeof(*assembly));

	if (!assembly)
		return -ENOMEM;
	assembly->used = 0;
	assembly->skipping = false;
	file->private = assembly;
	return 0;
}

static void records_release(struct file *file)
{
	struct assembly *assembly = file->private;

	if (assembly && assembly->used) {
		size_t size = assembly->used;

		if (!send(assembly))
			kprintf("/dev/records: dropped an unfinished line of %zu bytes\n", size);
	}
	kfree(assembly);
}

const struct file_ops records_ops = {
        .write = records_write,
        .open = records_open,
        .release = records_release,
};
