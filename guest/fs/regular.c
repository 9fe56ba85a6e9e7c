/* Regular files: their bytes are the pages of a memory object, which mappings show too. */
#include "fs/fcntl.h"
#include "fs/inode.h"
#include "fs/io.h"
#include "lib/errno.h"
#include "mm/space.h"
#include "mm/uaccess.h"
#include "proc/process.h"

#define FIONREAD 0x541b

static size_t in_page(uint64_t offset, size_t size)
{
	return MIN(size, PAGE_SIZE - offset % PAGE_SIZE);
}

static long regular_read(struct file *file, struct user_io *io, uint64_t *position)
{
	struct inode *inode = file->inode;
	uint64_t offset = *position;
	long done = 0;

	while (io->left && offset < inode->size) {
		size_t size = in_page(offset, MIN(io->left, inode->size - offset));
		paddr_t frame = memobj_page(inode->data, offset / PAGE_SIZE, false);
		size_t moved = frame ? io_to_user(io, (char *)phys_to_virt(frame) + offset % PAGE_SIZE, size)
		                     : io_zero_user(io, size);

		done += moved;
		offset += moved;
		if (moved < size) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	*position = offset;
	inode_accessed(inode);
	return done;
}

uint64_t regular_size_limit(void)
{
	struct thread *thread = current_thread();
	uint64_t limit = FILE_SIZE_MAX;

	if (thread && thread->process)
		limit = MIN(limit, thread->process->soft_limits[RLIMIT_FSIZE]);
	return limit;
}

long regular_too_large(void)
{
	struct signal_info info;

	if (regular_size_limit() < FILE_SIZE_MAX) {
		info = signal_from_current(SIGXFSZ, SI_USER);
		signal_send_thread(current_thread(), &info);
	}
	return -EFBIG;
}

static long regular_write(struct file *file, struct user_io *io, uint64_t *position)
{
	struct inode *inode = file->inode;
	uint64_t offset = file->flags & O_APPEND ? inode->size : *position;
	uint64_t limit = regular_size_limit();
	long done = 0, error = 0;

	if (!io->left)
		return 0;
	if (offset >= limit)
		return regular_too_large();
	inode_drop_set_id(inode);
	while (io->left && !error) {
		size_t size = in_page(offset, MIN(io->left, limit - offset));
		paddr_t frame;
		size_t moved;
		char *to;

		if (!size) {
			error = -EFBIG;
			break;
		}
		frame = memobj_page(inode->data, offset / PAGE_SIZE, true);
		if (!frame) {
			error = -ENOSPC;
			break;
		}
		to = (char *)phys_to_virt(frame) + offset % PAGE_SIZE;
		moved = io_from_user(io, to, size);
		if (moved < size) {
			/* A piece that faulted may have left bytes beyond the end of the file: they must read
			 * as zeroes. */
			if (offset + moved >= inode->size)
				memset(to + moved, 0, size - moved);
			error = -EFAULT;
		}
		done += moved;
		offset += moved;
		inode->size = MAX(inode->size, offset);
	}
	if (done) {
		*position = offset;
		inode_modified(inode);
	}
	return done ? done : error;
}

long regular_write_kernel(struct inode *inode, uint64_t offset, const void *from, size_t size)
{
	if (size > FILE_SIZE_MAX - offset)
		return -EFBIG;
	if (memobj_write(inode->data, offset, from, size) < 0)
		return -ENOSPC;
	inode->size = MAX(inode->size, offset + size);
	return 0;
}

long regular_resize(struct inode *inode, uint64_t size)
{
	if (size > inode->size && size > regular_size_limit())
		return regular_too_large();
	if (size < inode->size) {
		space_truncate_object(inode->data, size);
		memobj_truncate(inode->data, size);
	}
	if (!size && !memobj_page_count(inode->data))
		memobj_charge(inode->data, fs_account()); /* whoever fills it again */
	inode->size = size;
	inode_drop_set_id(inode);
	inode_modified(inode);
	return 0;
}

long regular_allocate(struct inode *inode, uint64_t offset, uint64_t size)
{
	for (uint64_t index = offset / PAGE_SIZE; index <= (offset + size - 1) / PAGE_SIZE; index++)
		if (!memobj_page(inode->data, index, true))
			return -ENOSPC;
	return 0;
}

void regular_zero(struct inode *inode, uint64_t offset, uint64_t size)
{
	bool mapped = !list_empty(memobj_mappings(inode->data));
	uint64_t end = offset + size;

	while (offset < end) {
		uint64_t index = memobj_next_page(inode->data, offset / PAGE_SIZE);
		size_t piece;

		if (index == MEMOBJ_NO_PAGE || index * PAGE_SIZE >= end)
			return;
		offset = MAX(offset, index * PAGE_SIZE);
		piece = in_page(offset, end - offset);
		if (piece == PAGE_SIZE && !mapped)
			memobj_remove_page(inode->data, index);
		else
			memset((char *)phys_to_virt(memobj_page(inode->data, index, false)) +
			               offset % PAGE_SIZE,
			       0, piece);
		offset += piece;
	}
}

/* The first byte from `offset` on (within the file) that is data, or that is a hole; the end of the file
 * counts as one. */
static long find_data(const struct inode *inode, uint64_t offset)
{
	uint64_t index = memobj_next_page(inode->data, offset / PAGE_SIZE);

	if (index == MEMOBJ_NO_PAGE || index * PAGE_SIZE >= inode->size)
		return -ENXIO;
	return (long)MAX(offset, index * PAGE_SIZE);
}

static long find_hole(const struct inode *inode, uint64_t offset)
{
	uint64_t index = offset / PAGE_SIZE;

	while (memobj_next_page(inode->data, index) == index)
		index++;
	return (long)MIN(MAX(offset, index * PAGE_SIZE), inode->size);
}

static long regular_seek(struct file *file, int64_t offset, int whence)
{
	const struct inode *inode = file->inode;
	int64_t result;

	switch (whence) {
	case SEEK_DATA:
	case SEEK_HOLE:
		if (offset < 0 || (uint64_t)offset >= inode->size)
			return -ENXIO;
		result = whence == SEEK_DATA ? find_data(inode, (uint64_t)offset)
		                             : find_hole(inode, (uint64_t)offset);
		if (result < 0)
			return result;
		break;
	case SEEK_SET:
		result = offset;
		break;
	default: /* SEEK_CUR or SEEK_END */
		if (__builtin_add_overflow((int64_t)(whence == SEEK_CUR ? file->position : inode->size),
		                           offset, &result))
			return -EINVAL;
	}
	if (result < 0)
		return -EINVAL;
	file->position = (uint64_t)result;
	return result;
}

static struct memobj *regular_map(struct file *file)
{
	return file->inode->data;
}

static long regular_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	if (command != FIONREAD)
		return -ENOTTY;
	return put_user_u32(argument, (uint32_t)(file->inode->size - file->position));
}

const struct file_ops regular_ops = {
        .read = regular_read,
        .write = regular_write,
        .ioctl = regular_ioctl,
        .map = regular_map,
        .seek = regular_seek,
};
