/* Opening and closing: the checks in the order of Linux (fs/namei.c of Linux: do_open, may_open). */
#include "fs/descriptor.h"
#include "fs/path.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "proc/process.h"

#define KEPT_FLAGS   (~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC))
#define O_PATH_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const struct file_ops path_ops; /* of O_PATH: none */

static unsigned access_wanted(unsigned flags)
{
	static const unsigned by_mode[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

	if (flags & O_PATH)
		return 0;
	return by_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static long create(const struct path *path, uint32_t mode, struct inode **inode)
{
	long error;

	if (!path->directory->links)
		return -ENOENT;
	error = inode_permission(path->directory, MAY_WRITE | MAY_EXEC);
	if (error < 0)
		return error;
	*inode = inode_create(INODE_FILE, mode);
	if (!*inode)
		return -ENOSPC;
	inode_inherit_group(*inode, path->directory);
	error = directory_add(path->directory, path->name, path->length, *inode);
	inode_put(*inode); /* the name holds it */
	return error;
}

/* Finds the inode to open (borrowed), or makes it. */
static long find_or_create(int directory, const char *text, unsigned flags, uint32_t mode,
                           struct inode **inode, bool *created)
{
	bool follow = !(flags & O_NOFOLLOW) && !((flags & O_CREAT) && (flags & O_EXCL));
	bool must_be_directory = flags & O_DIRECTORY;
	struct path path;
	long error = path_parent(directory, text, &path);

	while (!error) {
		const char *target;

		if (path.slash && path.last == LAST_NAME && (flags & O_CREAT))
			return -EISDIR;
		must_be_directory |= path.slash;
		follow |= path.slash;
		error = path_last(&path, inode);
		if (error < 0)
			return error;
		if (!*inode) {
			if (!(flags & O_CREAT))
				return -ENOENT;
			*created = true;
			return create(&path, mode, inode);
		}
		if ((*inode)->kind != INODE_SYMLINK || !follow)
			break;
		if (path.links++ >= SYMLINKS_MAX)
			return -ELOOP;
		error = path_link(*inode, &target, inode);
		if (error < 0)
			return error;
		if (!target)
			break;
		error = path_continue(&path, target);
	}
	if (error < 0)
		return error;
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if ((flags & O_CREAT) && (*inode)->kind == INODE_DIRECTORY)
		return -EISDIR;
	if (must_be_directory && (*inode)->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	return 0;
}

static long check_access(struct inode *inode, unsigned flags)
{
	unsigned wanted = access_wanted(flags);

	if (inode->kind == INODE_SYMLINK && !(flags & O_PATH))
		return -ELOOP;
	if (inode->kind == INODE_DIRECTORY && (wanted & MAY_WRITE))
		return -EISDIR;
	if (inode_permission(inode, wanted) < 0)
		return -EACCES;
	return (wanted & MAY_WRITE) && inode->executions ? -ETXTBSY : 0;
}

static long open_at(int directory, const char *text, unsigned flags, uint32_t mode, struct file **file)
{
	bool created = false;
	struct inode *inode;
	long error;

	if (flags & O_PATH)
		flags &= O_PATH_FLAGS;
	else
		flags |= O_LARGEFILE;
	if ((flags & O_DIRECTORY) && (flags & O_CREAT))
		return -EINVAL;
	error = find_or_create(directory, text, flags, mode, &inode, &created);
	if (!error && !created)
		error = check_access(inode, flags);
	if (error < 0)
		return error;
	*file = file_create(inode, flags & O_PATH ? &path_ops : inode->ops, flags & KEPT_FLAGS);
	if (!*file)
		return -ENOMEM;
	if ((*file)->ops->open)
		error = (*file)->ops->open(*file);
	if (!error && (flags & O_TRUNC) && !created && inode->kind == INODE_FILE)
		error = regular_resize(inode, 0);
	if (error < 0)
		file_put(*file);
	return error;
}

static uint32_t creation_mode(uint32_t mode)
{
	return mode & 07777 & ~current_process()->fs->umask;
}

long file_open(const char *path, unsigned flags, uint32_t mode, struct file **file)
{
	return open_at(AT_FDCWD, path, flags, mode, file);
}

long sys_openat(int directory, uint64_t path, unsigned flags, uint32_t mode)
{
	struct fd_table *table = current_process()->files;
	struct file *file;
	char *text;
	long result = path_copy(path, &text);

	if (result < 0)
		return result;
	result = fd_lowest(table, 0); /* before anything is created */
	if (result >= 0)
		result = open_at(directory, text, flags, creation_mode(mode), &file);
	kfree(text);
	if (result < 0)
		return result;
	return fd_install(table, file, 0, flags & O_CLOEXEC);
}

long sys_open(uint64_t path, unsigned flags, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(uint64_t path, uint32_t mode)
{
	return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

long sys_close(int fd)
{
	return fd_close(current_process()->files, fd);
}
