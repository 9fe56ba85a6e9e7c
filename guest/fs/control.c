/* What acts on descriptors and open files as such: dup, fcntl, ioctl, and the calls that ask for durability.
 */
#include "fs/descriptor.h"
#include "fs/fcntl.h"
#include "fs/lock.h"
#include "fs/pipe.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "mm/uaccess.h"
#include "proc/process.h"

#define F_DUPFD         0
#define F_GETFD         1
#define F_SETFD         2
#define F_GETFL         3
#define F_SETFL         4
#define F_DUPFD_CLOEXEC 1030
#define F_SETPIPE_SZ    1031
#define F_GETPIPE_SZ    1032
#define FD_CLOEXEC      1

#define FIONCLEX 0x5450
#define FIOCLEX  0x5451
#define FIONBIO  0x5421

#define CHANGEABLE_FLAGS (O_APPEND | O_NONBLOCK)

static struct fd_table *table(void)
{
	return current_process()->files;
}

static long duplicate(struct file *file, int from, bool close_on_exec)
{
	long fd;

	if (!file)
		return -EBADF;
	file_get(file);
	fd = fd_install(table(), file, from, close_on_exec);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_dup(int fd)
{
	return duplicate(fd_get_any(fd), 0, false);
}

/* Makes `to` a copy of `from`, closing what it was. They differ. */
static long duplicate_to(int from, int to, bool close_on_exec)
{
	struct file *file = fd_get_any(from);

	if ((unsigned)to >= fd_limit() || !file)
		return -EBADF;
	file_get(file);
	if (table()->files[to])
		fd_close(table(), to);
	table()->files[to] = file;
	table()->close_on_exec[to] = close_on_exec;
	return to;
}

long sys_dup2(int from, int to)
{
	if (from == to)
		return fd_get_any(from) ? to : -EBADF;
	return duplicate_to(from, to, false);
}

long sys_dup3(int from, int to, unsigned flags)
{
	if ((flags & ~(unsigned)O_CLOEXEC) || from == to)
		return -EINVAL;
	return duplicate_to(from, to, flags & O_CLOEXEC);
}

/* Those that may sleep, on a file that another thread may close meanwhile. */
static long control_lock(struct file *file, int command, uint64_t argument)
{
	long result;

	file_get(file);
	result = lock_control(file, command, argument);
	file_put(file);
	return result;
}

long sys_fcntl(int fd, int command, uint64_t argument)
{
	struct file *file = fd_get_any(fd);

	if (!file)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (argument >= fd_limit())
			return -EINVAL;
		return duplicate(file, (int)argument, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return table()->close_on_exec[fd] ? FD_CLOEXEC : 0;
	case F_SETFD:
		table()->close_on_exec[fd] = argument & FD_CLOEXEC;
		return 0;
	case F_GETFL:
		return file->flags;
	}
	if (file->flags & O_PATH)
		return -EBADF;
	switch (command) {
	case F_SETFL:
		file->flags = (file->flags & ~CHANGEABLE_FLAGS) | (argument & CHANGEABLE_FLAGS);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return control_lock(file, command, argument);
	case F_GETPIPE_SZ:
		return pipe_capacity(file);
	default:
		return -EINVAL;
	}
}

long sys_ioctl(int fd, unsigned command, uint64_t argument)
{
	struct file *file = fd_get(fd);
	uint32_t on;

	if (!file)
		return -EBADF;
	switch (command) {
	case FIOCLEX:
	case FIONCLEX:
		table()->close_on_exec[fd] = command == FIOCLEX;
		return 0;
	case FIONBIO:
		if (get_user_u32(&on, argument) < 0)
			return -EFAULT;
		file->flags = (file->flags & ~O_NONBLOCK) | (on ? O_NONBLOCK : 0);
		return 0;
	default:
		return file->ops->ioctl ? file->ops->ioctl(file, command, argument) : -ENOTTY;
	}
}

/* ---- durability: all files live in memory, so only the descriptor is checked
 * ------------------------------------- */

long sys_fsync(int fd)
{
	struct file *file = fd_get(fd);

	if (!file)
		return -EBADF;
	return file->inode->kind == INODE_FILE || file->inode->kind == INODE_DIRECTORY ? 0 : -EINVAL;
}

long sys_fdatasync(int fd)
{
	return sys_fsync(fd);
}

long sys_sync(void)
{
	return 0;
}
