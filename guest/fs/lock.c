#include "fs/lock.h"

#include "fs/abi.h"
#include "fs/fcntl.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/process.h"

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

#define RANGE_END INT64_MAX /* the last byte of a lock without end */

struct lock {
	struct list link;
	const void *owner; /* a descriptor table (record lock) or a file (flock) */
	int pid;
	int type;           /* F_RDLCK or F_WRLCK */
	int64_t start, end; /* inclusive */
};

struct file_locks {
	struct list records; /* struct lock; one owner's do not overlap */
	struct list flocks;
	struct wait_queue released;
};

static struct file_locks *locks_of(struct inode *inode)
{
	struct file_locks *locks = inode->locks;

	if (locks)
		return locks;
	locks = kmalloc(sizeof(*locks));
	if (!locks)
		return NULL;
	list_init(&locks->records);
	list_init(&locks->flocks);
	wait_queue_init(&locks->released);
	inode->locks = locks;
	return locks;
}

void locks_free(struct file_locks *locks)
{
	kfree(locks);
}

static bool overlap(const struct lock *a, const struct lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* The first lock of another owner that `wanted` cannot coexist with. */
static struct lock *find_conflict(struct list *list, const struct lock *wanted)
{
	list_for_each (node, list) {
		struct lock *lock = list_entry(node, struct lock, link);

		if (lock->owner != wanted->owner && overlap(lock, wanted) &&
		    (lock->type == F_WRLCK || wanted->type == F_WRLCK))
			return lock;
	}
	return NULL;
}

/* Waits until nothing conflicts. 0, -EAGAIN (unless `wait`), -ERESTARTSYS. */
static long wait_for_conflicts(struct file_locks *locks, struct list *list, const struct lock *wanted,
                               bool wait)
{
	struct wait_entry entry;
	long error = 0;

	if (!find_conflict(list, wanted))
		return 0;
	if (!wait)
		return -EAGAIN;
	wait_begin(&locks->released, &entry);
	while (find_conflict(list, wanted) && !(error = thread_block(NO_DEADLINE)))
		;
	wait_end(&entry);
	return error ? -ERESTARTSYS : 0;
}

static void drop(struct lock *lock)
{
	list_remove(&lock->link);
	kfree(lock);
}

static void drop_all_of(struct file_locks *locks, struct list *list, const void *owner)
{
	bool dropped = false;

	list_for_each_safe (node, list) {
		struct lock *lock = list_entry(node, struct lock, link);

		if (lock->owner == owner) {
			drop(lock);
			dropped = true;
		}
	}
	if (dropped)
		wake_all(&locks->released);
}

void locks_release_owner(struct inode *inode, const struct fd_table *owner)
{
	if (inode->locks)
		drop_all_of(inode->locks, &inode->locks->records, owner);
}

void locks_release_file(struct file *file)
{
	struct file_locks *locks = file->inode->locks;

	if (locks)
		drop_all_of(locks, &locks->flocks, file);
}

/* ---- record locks
 * ------------------------------------------------------------------------------------------ */

static struct lock *lock_copy(const struct lock *from)
{
	struct lock *lock = kmalloc(sizeof(*lock));

	if (lock) {
		*lock = *from;
		list_init(&lock->link);
	}
	return lock;
}

/*
 * Makes the range [start, end] of the owner what `wanted` says: its own locks there are cut back, neighbours
 * of the same type are joined. 0 or -ENOMEM.
 */
static long record_apply(struct file_locks *locks, const struct lock *wanted)
{
	struct lock *added = lock_copy(wanted);
	struct lock *tail = lock_copy(wanted); /* if the range splits one lock in two */
	bool split = false;

	if (!added || !tail) {
		kfree(added);
		kfree(tail);
		return -ENOMEM;
	}
	list_for_each_safe (node, &locks->records) {
		struct lock *lock = list_entry(node, struct lock, link);
		bool joins = lock->type == wanted->type &&
		             lock->start <= (wanted->end == RANGE_END ? RANGE_END : wanted->end + 1) &&
		             wanted->start <= (lock->end == RANGE_END ? RANGE_END : lock->end + 1);

		if (lock->owner != wanted->owner)
			continue;
		if (joins) {
			added->start = MIN(added->start, lock->start);
			added->end = MAX(added->end, lock->end);
			drop(lock);
		} else if (overlap(lock, wanted)) {
			bool before = lock->start<wanted->start, after = lock->end> wanted->end;

			if (before && after) {
				*tail = *lock;
				tail->start = wanted->end + 1;
				lock->end = wanted->start - 1;
				list_add(&lock->link, &tail->link);
				split = true;
			} else if (before) {
				lock->end = wanted->start - 1;
			} else if (after) {
				lock->start = wanted->end + 1;
			} else {
				drop(lock);
			}
		}
	}
	if (!split)
		kfree(tail);
	if (wanted->type == F_UNLCK)
		kfree(added);
	else
		list_add_tail(&locks->records, &added->link);
	wake_all(&locks->released);
	return 0;
}

/* The range that a struct flock names. 0, -EINVAL or -EOVERFLOW. */
static long flock_range(const struct file *file, const struct linux_flock *from, struct lock *lock)
{
	int64_t base = 0;

	if (from->whence == SEEK_CUR)
		base = file->position;
	else if (from->whence == SEEK_END)
		base = file->inode->size;
	else if (from->whence != SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(base, from->start, &lock->start))
		return -EOVERFLOW;
	if (lock->start < 0)
		return -EINVAL;
	lock->end = RANGE_END;
	if (from->length > 0) {
		if (__builtin_add_overflow(lock->start, from->length - 1, &lock->end))
			return -EOVERFLOW;
	} else if (from->length < 0) {
		lock->end = lock->start - 1;
		lock->start += from->length;
		if (lock->start < 0)
			return -EINVAL;
	}
	return 0;
}

static long lock_test(struct file_locks *locks, const struct lock *wanted, struct linux_flock *user)
{
	const struct lock *conflict;

	if (wanted->type == F_UNLCK)
		return -EINVAL;
	conflict = find_conflict(&locks->records, wanted);
	user->type = conflict ? conflict->type : F_UNLCK;
	if (!conflict)
		return 0;
	user->whence = SEEK_SET;
	user->start = conflict->start;
	user->length = conflict->end == RANGE_END ? 0 : conflict->end - conflict->start + 1;
	user->pid = conflict->pid;
	return 0;
}

static long lock_set(struct file *file, struct file_locks *locks, const struct lock *wanted, bool wait)
{
	unsigned access = file->flags & O_ACCMODE;
	long error;

	if ((wanted->type == F_RDLCK && access == O_WRONLY) ||
	    (wanted->type == F_WRLCK && access == O_RDONLY))
		return -EBADF;
	if (wanted->type != F_UNLCK) {
		error = wait_for_conflicts(locks, &locks->records, wanted, wait);
		if (error < 0)
			return error;
	}
	return record_apply(locks, wanted);
}

long lock_control(struct file *file, int command, uint64_t argument)
{
	struct lock wanted = {.owner = current_process()->files, .pid = current_process()->pid};
	struct file_locks *locks = locks_of(file->inode);
	struct linux_flock user;
	long error;

	if (!locks)
		return -ENOMEM;
	if (copy_from_user(&user, argument, sizeof(user)) < 0)
		return -EFAULT;
	if (user.type != F_RDLCK && user.type != F_WRLCK && user.type != F_UNLCK)
		return -EINVAL;
	wanted.type = user.type;
	error = flock_range(file, &user, &wanted);
	if (error < 0)
		return error;
	if (command != F_GETLK)
		return lock_set(file, locks, &wanted, command == F_SETLKW);
	error = lock_test(locks, &wanted, &user);
	return error < 0 ? error : copy_to_user(argument, &user, sizeof(user));
}

/* ---- flock
 * -------------------------------------------------------------------------------------------------- */

static long flock_set(struct file *file, int type, bool wait)
{
	struct file_locks *locks = locks_of(file->inode);
	struct lock wanted = {.owner = file, .type = type, .end = RANGE_END};
	struct lock *added;
	long error;

	if (!locks)
		return -ENOMEM;
	list_for_each (node, &locks->flocks) {
		const struct lock *lock = list_entry(node, struct lock, link);

		if (lock->owner == file && lock->type == type)
			return 0;
	}
	/* A change of type gives the old lock up first, as Linux does: it is not atomic. */
	drop_all_of(locks, &locks->flocks, file);
	if (type == F_UNLCK)
		return 0;
	error = wait_for_conflicts(locks, &locks->flocks, &wanted, wait);
	if (error < 0)
		return error;
	added = lock_copy(&wanted);
	if (!added)
		return -ENOMEM;
	list_add_tail(&locks->flocks, &added->link);
	return 0;
}

long sys_flock(int fd, unsigned operation)
{
	struct file *file = fd_get(fd);
	int type;
	long result;

	switch (operation & ~LOCK_NB) {
	case LOCK_SH:
		type = F_RDLCK;
		break;
	case LOCK_EX:
		type = F_WRLCK;
		break;
	case LOCK_UN:
		type = F_UNLCK;
		break;
	default:
		return -EINVAL;
	}
	if (!file)
		return -EBADF;
	file_get(file); /* it may be closed while this thread sleeps */
	result = flock_set(file, type, !(operation & LOCK_NB));
	file_put(file);
	return result;
}
