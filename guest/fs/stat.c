/* What programs may ask about files without opening them. */
#include "fs/abi.h"
#include "fs/path.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"

#define TREE_DEVICE  0x15 /* st_dev: like Linux, numbers without a device (major 0) */
#define PIPES_DEVICE 0x0e

#define TMPFS_MAGIC  0x01021994
#define PIPEFS_MAGIC 0x50495045

static struct linux_timespec timespec_of(uint64_t ns)
{
	return (struct linux_timespec){(int64_t)(ns / NANOSECONDS), (int64_t)(ns % NANOSECONDS)};
}

static long put_stat(const struct inode *inode, uint64_t to)
{
	struct linux_stat stat = {
	        .device = inode->kind == INODE_PIPE ? PIPES_DEVICE : TREE_DEVICE,
	        .inode = inode->number,
	        .links = inode->links,
	        .mode = inode->mode,
	        .uid = inode->uid,
	        .gid = inode->gid,
	        .special = inode->device,
	        .size = inode->kind == INODE_DIRECTORY ? (int64_t)PAGE_SIZE : (int64_t)inode->size,
	        .block_size = PAGE_SIZE,
	        .accessed = timespec_of(inode->atime),
	        .modified = timespec_of(inode->mtime),
	        .changed = timespec_of(inode->ctime),
	};

	if (inode->data)
		stat.blocks = (int64_t)(memobj_page_count(inode->data) * (PAGE_SIZE / 512));
	return copy_to_user(to, &stat, sizeof(stat));
}

static long stat_path(int directory, uint64_t path, uint64_t to, unsigned flags)
{
	struct inode *inode;
	long result = path_resolve_user(directory, path, flags, &inode);

	if (result < 0)
		return result;
	result = put_stat(inode, to);
	inode_put(inode);
	return result;
}

long sys_stat(uint64_t path, uint64_t to)
{
	return stat_path(AT_FDCWD, path, to, PATH_FOLLOW);
}

long sys_lstat(uint64_t path, uint64_t to)
{
	return stat_path(AT_FDCWD, path, to, 0);
}

long sys_fstat(int fd, uint64_t to)
{
	struct file *file = fd_get_any(fd);

	return file ? put_stat(file->inode, to) : -EBADF;
}

long sys_newfstatat(int directory, uint64_t path, uint64_t to, unsigned flags)
{
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	return stat_path(directory, path, to,
	                 (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	                         (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0));
}

static long put_statfs(const struct inode *inode, uint64_t to)
{
	struct linux_statfs statfs = {
	        .type = inode->kind == INODE_PIPE ? PIPEFS_MAGIC : TMPFS_MAGIC,
	        .block_size = PAGE_SIZE,
	        .fragment_size = PAGE_SIZE,
	        .name_max = NAME_MAX,
	};

	if (inode->kind != INODE_PIPE) {
		statfs.blocks = frame_total_count();
		statfs.blocks_free = statfs.blocks_available = frame_free_count();
	}
	return copy_to_user(to, &statfs, sizeof(statfs));
}

long sys_statfs(uint64_t path, uint64_t to)
{
	struct inode *inode;
	long result = path_resolve_user(AT_FDCWD, path, PATH_FOLLOW, &inode);

	if (result < 0)
		return result;
	result = put_statfs(inode, to);
	inode_put(inode);
	return result;
}

long sys_fstatfs(int fd, uint64_t to)
{
	struct file *file = fd_get_any(fd);

	return file ? put_statfs(file->inode, to) : -EBADF;
}

/* Looks up and checks with the real instead of the effective ids, unless AT_EACCESS. */
static long check_access(int directory, uint64_t path, unsigned may, unsigned flags)
{
	struct credentials *credentials = &current_process()->credentials;
	struct credentials saved = *credentials;
	struct inode *inode;
	long result;

	if (!(flags & AT_EACCESS)) {
		credentials->euid = credentials->uid;
		credentials->egid = credentials->gid;
	}
	result = path_resolve_user(directory, path,
	                           (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	                                   (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
	                           &inode);
	if (!result) {
		result = inode_permission(inode, may);
		inode_put(inode);
	}
	*credentials = saved;
	return result;
}

long sys_faccessat2(int directory, uint64_t path, unsigned may, unsigned flags)
{
	if (may & ~(unsigned)(MAY_READ | MAY_WRITE | MAY_EXEC))
		return -EINVAL;
	if (flags & ~(unsigned)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return check_access(directory, path, may, flags);
}

long sys_faccessat(int directory, uint64_t path, unsigned may)
{
	return sys_faccessat2(directory, path, may, 0);
}

long sys_access(uint64_t path, unsigned may)
{
	return sys_faccessat2(AT_FDCWD, path, may, 0);
}

static long put_link_text(struct inode *inode, uint64_t to, size_t size)
{
	char *text;
	long length;

	size = MIN(size, (size_t)PATH_MAX);
	text = kmalloc(size);
	if (!text)
		return -ENOMEM;
	length = inode_link_text(inode, text, size);
	if (length > 0 && copy_to_user(to, text, (size_t)length) < 0)
		length = -EFAULT;
	kfree(text);
	return length;
}

long sys_readlinkat(int directory, uint64_t path, uint64_t to, int size)
{
	struct inode *inode;
	long result;

	if (size <= 0)
		return -EINVAL;
	result = path_resolve_user(directory, path, PATH_EMPTY, &inode);
	if (result < 0)
		return result;
	if (inode->kind == INODE_SYMLINK) {
		inode_accessed(inode);
		result = put_link_text(inode, to, (size_t)size);
	} else {
		uint32_t first = 0;

		/* Of the two errors, "" has its own. */
		result = copy_from_user(&first, path, 1) || first ? -EINVAL : -ENOENT;
	}
	inode_put(inode);
	return result;
}

long sys_readlink(uint64_t path, uint64_t to, int size)
{
	return sys_readlinkat(AT_FDCWD, path, to, size);
}
