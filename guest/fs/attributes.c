/* Calls that change what an inode says of itself: mode, owner, times, size. */
#include "fs/abi.h"
#include "fs/path.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"

#define KEEP_ID UINT32_MAX /* chown's -1 */

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

#define FALLOC_FL_KEEP_SIZE  1
#define FALLOC_FL_PUNCH_HOLE 2

/* ---- mode and owner
 * ---------------------------------------------------------------------------------------------- */

static long change_mode(struct inode *inode, uint32_t mode)
{
	if (!inode_is_owner(inode))
		return -EPERM;
	if (inode->kind == INODE_SYMLINK)
		return -EOPNOTSUPP;
	if (fs_credentials()->euid != 0 && inode->gid != fs_credentials()->egid)
		mode &= ~S_ISGID;
	inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
	inode_changed(inode);
	return 0;
}

static long change_owner(struct inode *inode, uint32_t uid, uint32_t gid)
{
	const struct credentials *who = fs_credentials();

	if (who->euid != 0) {
		bool owner = who->euid == inode->uid;

		if (uid != KEEP_ID && !(owner && uid == inode->uid))
			return -EPERM;
		if (gid != KEEP_ID && !(owner && (gid == inode->gid || gid == who->egid)))
			return -EPERM;
	}
	if (uid != KEEP_ID)
		inode->uid = uid;
	if (gid != KEEP_ID)
		inode->gid = gid;
	if (inode->kind != INODE_DIRECTORY) {
		inode->mode &= ~S_ISUID;
		if (inode->mode & 010)
			inode->mode &= ~S_ISGID;
	}
	inode_changed(inode);
	return 0;
}

long sys_fchmodat(int directory, uint64_t path, uint32_t mode)
{
	struct inode *inode;
	long result = path_resolve_user(directory, path, PATH_FOLLOW, &inode);

	if (result < 0)
		return result;
	result = change_mode(inode, mode);
	inode_put(inode);
	return result;
}

long sys_chmod(uint64_t path, uint32_t mode)
{
	return sys_fchmodat(AT_FDCWD, path, mode);
}

long sys_fchmod(int fd, uint32_t mode)
{
	struct file *file = fd_get(fd);

	return file ? change_mode(file->inode, mode) : -EBADF;
}

long sys_fchownat(int directory, uint64_t path, uint32_t uid, uint32_t gid, unsigned flags)
{
	struct inode *inode;
	long result;

	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	result = path_resolve_user(directory, path,
	                           (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	                                   (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
	                           &inode);
	if (result < 0)
		return result;
	result = change_owner(inode, uid, gid);
	inode_put(inode);
	return result;
}

long sys_chown(uint64_t path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(uint64_t path, uint32_t uid, uint32_t gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(int fd, uint32_t uid, uint32_t gid)
{
	struct file *file = fd_get(fd);

	return file ? change_owner(file->inode, uid, gid) : -EBADF;
}

long sys_umask(uint32_t mask)
{
	struct fs_context *fs = current_process()->fs;
	uint32_t old = fs->umask;

	fs->umask = mask & 0777;
	return old;
}

/* ---- times
 * ------------------------------------------------------------------------------------------------------- */

static uint64_t to_ns(const struct linux_timespec *time)
{
	int64_t seconds = MAX(MIN(time->seconds, (int64_t)(INT64_MAX / NANOSECONDS - 1)), (int64_t)0);

	return (uint64_t)seconds * NANOSECONDS + (uint64_t)time->nanoseconds;
}

static void set_time(uint64_t *time, const struct linux_timespec *to)
{
	if (to->nanoseconds == UTIME_NOW)
		*time = clock_realtime_ns();
	else if (to->nanoseconds != UTIME_OMIT)
		*time = to_ns(to);
}

static long change_times(struct inode *inode, const struct linux_timespec times[2])
{
	bool now = times[0].nanoseconds == UTIME_NOW && times[1].nanoseconds == UTIME_NOW;

	/* Who may write may say "now"; only the owner may say anything else. */
	if (!inode_is_owner(inode) && (!now || inode_permission(inode, MAY_WRITE) < 0))
		return now ? -EACCES : -EPERM;
	set_time(&inode->atime, &times[0]);
	set_time(&inode->mtime, &times[1]);
	inode_changed(inode);
	return 0;
}

static bool valid_time(const struct linux_timespec *time)
{
	return (uint64_t)time->nanoseconds < NANOSECONDS || time->nanoseconds == UTIME_NOW ||
	       time->nanoseconds == UTIME_OMIT;
}

static long change_times_at(int directory, uint64_t path, const struct linux_timespec times[2],
                            unsigned flags)
{
	struct inode *inode;
	long result;

	if (!valid_time(&times[0]) || !valid_time(&times[1]))
		return -EINVAL;
	if (!path && directory != AT_FDCWD) {
		struct file *file = fd_get(directory);

		if (flags)
			return -EINVAL;
		return file ? change_times(file->inode, times) : -EBADF;
	}
	if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	result = path_resolve_user(directory, path,
	                           (flags & AT_SYMLINK_NOFOLLOW ? 0 : PATH_FOLLOW) |
	                                   (flags & AT_EMPTY_PATH ? PATH_EMPTY : 0),
	                           &inode);
	if (result < 0)
		return result;
	result = change_times(inode, times);
	inode_put(inode);
	return result;
}

long sys_utimensat(int directory, uint64_t path, uint64_t user_times, unsigned flags)
{
	struct linux_timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};

	if (user_times && copy_from_user(times, user_times, sizeof(times)) < 0)
		return -EFAULT;
	if (times[0].nanoseconds == UTIME_OMIT && times[1].nanoseconds == UTIME_OMIT)
		return 0; /* nothing to do: not even the path is looked at */
	return change_times_at(directory, path, times, flags);
}

long sys_utimes(uint64_t path, uint64_t user_times)
{
	struct linux_timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	struct linux_timeval values[2];

	if (user_times) {
		if (copy_from_user(values, user_times, sizeof(values)) < 0)
			return -EFAULT;
		for (int i = 0; i < 2; i++) {
			if ((uint64_t)values[i].microseconds >= 1000000)
				return -EINVAL;
			times[i].seconds = values[i].seconds;
			times[i].nanoseconds = values[i].microseconds * 1000;
		}
	}
	return change_times_at(AT_FDCWD, path, times, 0);
}

/* ---- size
 * -------------------------------------------------------------------------------------------------------- */

long sys_truncate(uint64_t path, int64_t size)
{
	struct inode *inode;
	long result;

	if (size < 0)
		return -EINVAL;
	result = path_resolve_user(AT_FDCWD, path, PATH_FOLLOW, &inode);
	if (result < 0)
		return result;
	if (inode->kind == INODE_DIRECTORY)
		result = -EISDIR;
	else if (inode->kind != INODE_FILE)
		result = -EINVAL;
	else
		result = inode_permission(inode, MAY_WRITE);
	if (!result && inode->executions)
		result = -ETXTBSY;
	if (!result)
		result = regular_resize(inode, (uint64_t)size);
	inode_put(inode);
	return result;
}

long sys_ftruncate(int fd, int64_t size)
{
	struct file *file = fd_get(fd);

	if (size < 0)
		return -EINVAL;
	if (!file)
		return -EBADF;
	if (file->inode->kind != INODE_FILE || (file->flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	return regular_resize(file->inode, (uint64_t)size);
}

long sys_fallocate(int fd, int mode, int64_t offset, int64_t size)
{
	struct file *file = fd_get(fd);
	struct inode *inode;
	int64_t end;
	bool grows;
	long error;

	if (!file)
		return -EBADF;
	inode = file->inode;
	if (offset < 0 || size <= 0)
		return -EINVAL;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE) || mode == FALLOC_FL_PUNCH_HOLE)
		return -EOPNOTSUPP;
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (inode->kind == INODE_PIPE)
		return -ESPIPE;
	if (inode->kind == INODE_DIRECTORY)
		return -EISDIR;
	if (inode->kind != INODE_FILE)
		return -ENODEV;
	if (__builtin_add_overflow(offset, size, &end))
		return -EFBIG;
	inode_drop_set_id(inode);
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		regular_zero(inode, (uint64_t)offset, (uint64_t)size);
		inode_modified(inode);
		return 0;
	}
	grows = !(mode & FALLOC_FL_KEEP_SIZE) && (uint64_t)end > inode->size;
	if (grows && (uint64_t)end > regular_size_limit())
		return regular_too_large();
	error = regular_allocate(inode, (uint64_t)offset, (uint64_t)size);
	return !error && grows ? regular_resize(inode, (uint64_t)end) : error;
}
