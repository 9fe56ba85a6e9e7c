/* The working directory. */
#include "fs/path.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/process.h"

/* Takes over the reference, unless it fails. */
static long change_directory(struct inode *inode)
{
	struct fs_context *fs = current_process()->fs;
	long error = inode_permission(inode, MAY_EXEC);

	if (error < 0)
		return error;
	inode_put(fs->cwd);
	fs->cwd = inode;
	return 0;
}

long sys_chdir(uint64_t path)
{
	struct inode *inode;
	long result = path_resolve_user(AT_FDCWD, path, PATH_FOLLOW | PATH_DIRECTORY, &inode);

	if (result < 0)
		return result;
	result = change_directory(inode);
	if (result < 0)
		inode_put(inode);
	return result;
}

long sys_fchdir(int fd)
{
	struct file *file = fd_get_any(fd);
	long result;

	if (!file)
		return -EBADF;
	if (file->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	inode_get(file->inode);
	result = change_directory(file->inode);
	if (result < 0)
		inode_put(file->inode);
	return result;
}

/* The bytes written, the NUL included. */
long sys_getcwd(uint64_t to, size_t size)
{
	char *path = kmalloc(PATH_MAX);
	long length;

	if (!path)
		return -ENOMEM;
	length = inode_path(current_process()->fs->cwd, path, PATH_MAX);
	if (length == -ERANGE)
		length = -ENAMETOOLONG; /* of the buffer here, not of the caller's */
	else if (length >= 0)
		length = (size_t)++length > size ? -ERANGE : length;
	if (length > 0 && copy_to_user(to, path, (size_t)length) < 0)
		length = -EFAULT;
	kfree(path);
	return length;
}
