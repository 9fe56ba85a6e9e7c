/*
 * The files of LMDB in its domain: bytes on the domain's heap, by name, as long as the domain lives. LMDB's
 * own calls of the operating system end here, so that a database is out of reach for everybody but the
 * library.
 *
 * A file is mapped by handing out its bytes themselves, so that writes and mappings agree. LMDB sets a file's
 * size before it maps it, and writes every page before it reads it: new bytes are not cleared.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h> /* PAGE_SIZE */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "portcullis/library.h"

#define FILES_MAX       16
#define DESCRIPTORS_MAX 64

struct stored_file {
	char *name; /* NULL: this one is free */
	char *block;
	char *bytes; /* in `block`, on a page boundary */
	size_t size, capacity;
	unsigned mappings;
};

struct descriptor {
	struct stored_file *file; /* NULL: closed */
	off_t position;
	uint32_t pid;
	short lock; /* F_UNLCK, F_RDLCK or F_WRLCK, of the file's first byte */
};

static struct portcullis_lock lock;
static struct stored_file files[FILES_MAX];
static struct descriptor descriptors[DESCRIPTORS_MAX];

static int fail(int error)
{
	errno = error;
	return -1;
}

static struct descriptor *find(int number)
{
	if (number < 0 || number >= DESCRIPTORS_MAX || !descriptors[number].file) {
		errno = EBADF;
		return NULL;
	}
	return &descriptors[number];
}

static struct stored_file *file_named(const char *name, bool create)
{
	struct stored_file *unused = NULL;

	for (struct stored_file *file = files; file < files + FILES_MAX; file++) {
		if (file->name && strcmp(file->name, name) == 0)
			return file;
		if (!file->name && !unused)
			unused = file;
	}
	if (!create || !unused) {
		errno = create ? ENFILE : ENOENT;
		return NULL;
	}
	unused->name = strdup(name);
	return unused->name ? unused : NULL;
}

/* Makes room for `size` bytes. A file that is mapped cannot move. 0 or -1. */
static int reserve(struct stored_file *file, size_t size)
{
	char *block, *bytes;

	if (size <= file->capacity)
		return 0;
	if (file->mappings)
		return fail(EBUSY);
	if (size > SIZE_MAX - 2 * PAGE_SIZE || !(block = malloc(size + PAGE_SIZE)))
		return fail(ENOSPC);
	bytes = (char *)(((uintptr_t)block + PAGE_SIZE - 1) & ~(uintptr_t)(PAGE_SIZE - 1));
	memcpy(bytes, file->bytes, file->size);
	free(file->block);
	file->block = block;
	file->bytes = bytes;
	file->capacity = size;
	return 0;
}

static int open_locked(const char *name, int flags)
{
	struct stored_file *file;

	for (int number = 0; number < DESCRIPTORS_MAX; number++) {
		if (descriptors[number].file)
			continue;
		file = file_named(name, flags & O_CREAT);
		if (!file)
			return -1;
		descriptors[number] = (struct descriptor){file, 0, portcullis_client()->pid, F_UNLCK};
		return number;
	}
	return fail(EMFILE);
}

int open(const char *name, int flags, ...)
{
	int number;

	portcullis_lock(&lock);
	number = open_locked(name, flags);
	portcullis_unlock(&lock);
	return number;
}

int close(int number)
{
	struct descriptor *descriptor = find(number);

	if (!descriptor)
		return -1;
	descriptor->file = NULL;
	return 0;
}

int fstat(int number, struct stat *stat)
{
	struct descriptor *descriptor = find(number);

	if (!descriptor)
		return -1;
	*stat = (struct stat){.st_mode = S_IFREG | 0600,
	                      .st_size = (off_t)descriptor->file->size,
	                      .st_ino = (ino_t)(descriptor->file - files) + 1,
	                      .st_blksize = PAGE_SIZE};
	return 0;
}

int ftruncate(int number, off_t size)
{
	struct descriptor *descriptor = find(number);

	if (!descriptor || reserve(descriptor->file, (size_t)size))
		return -1;
	descriptor->file->size = (size_t)size;
	return 0;
}

off_t lseek(int number, off_t offset, int whence)
{
	struct descriptor *descriptor = find(number);

	if (!descriptor)
		return -1;
	if (whence == SEEK_END)
		offset += (off_t)descriptor->file->size;
	else if (whence == SEEK_CUR)
		offset += descriptor->position;
	if (offset < 0)
		return fail(EINVAL);
	return descriptor->position = offset;
}

ssize_t pread(int number, void *to, size_t size, off_t offset)
{
	struct descriptor *descriptor = find(number);
	size_t available;

	if (!descriptor)
		return -1;
	if ((size_t)offset >= descriptor->file->size)
		return 0;
	available = descriptor->file->size - (size_t)offset;
	if (size > available)
		size = available;
	memcpy(to, descriptor->file->bytes + offset, size);
	return (ssize_t)size;
}

ssize_t pwrite(int number, const void *from, size_t size, off_t offset)
{
	struct descriptor *descriptor = find(number);

	if (!descriptor || reserve(descriptor->file, (size_t)offset + size))
		return -1;
	memcpy(descriptor->file->bytes + offset, from, size);
	if (descriptor->file->size < (size_t)offset + size)
		descriptor->file->size = (size_t)offset + size;
	return (ssize_t)size;
}

void *mmap(void *hint, size_t size, int protection, int flags, int number, off_t offset)
{
	struct descriptor *descriptor = find(number);

	(void)hint, (void)protection, (void)flags;
	if (!descriptor || offset != 0 || reserve(descriptor->file, size))
		return MAP_FAILED;
	descriptor->file->mappings++;
	return descriptor->file->bytes;
}

int munmap(void *address, size_t size)
{
	(void)size;
	for (struct stored_file *file = files; file < files + FILES_MAX; file++) {
		if (!file->mappings || file->bytes != address)
			continue;
		file->mappings--;
		return 0;
	}
	return fail(EINVAL);
}

/* There is no device behind the bytes that they would have to reach. */
int fsync(int number)
{
	return find(number) ? 0 : -1;
}

int fdatasync(int number)
{
	return fsync(number);
}

int msync(void *address, size_t size, int flags)
{
	(void)address, (void)size, (void)flags;
	return 0;
}

int madvise(void *address, size_t size, int advice)
{
	(void)address, (void)size, (void)advice;
	return 0;
}

/* May the descriptor have this lock on the first byte, beside those of others? */
static bool lock_is_free(const struct descriptor *mine, short type)
{
	for (const struct descriptor *other = descriptors; other < descriptors + DESCRIPTORS_MAX; other++)
		if (other != mine && other->file == mine->file && other->lock != F_UNLCK &&
		    (type == F_WRLCK || other->lock == F_WRLCK))
			return false;
	return true;
}

static bool has_open(uint32_t pid)
{
	for (const struct descriptor *one = descriptors; one < descriptors + DESCRIPTORS_MAX; one++)
		if (one->file && one->pid == pid)
			return true;
	return false;
}

/*
 * Record locks. LMDB locks the first byte of its lock file while it sets the file up, and the byte at its
 * process number as long as it lives: that one is answered from the descriptors that are open.
 */
static int record_lock(struct descriptor *descriptor, int command, struct flock *flock)
{
	if (flock->l_start != 0) {
		if (command == F_GETLK)
			flock->l_type = has_open((uint32_t)flock->l_start) ? F_WRLCK : F_UNLCK;
		return 0;
	}
	if (command == F_GETLK)
		return fail(EINVAL);
	if (flock->l_type != F_UNLCK && !lock_is_free(descriptor, flock->l_type))
		return fail(EAGAIN);
	descriptor->lock = flock->l_type;
	return 0;
}

int fcntl(int number, int command, ...)
{
	struct descriptor *descriptor = find(number);
	struct flock *flock;
	va_list list;
	int result;

	if (!descriptor)
		return -1;
	if (command != F_SETLK && command != F_SETLKW && command != F_GETLK)
		return fail(EINVAL);
	va_start(list, command);
	flock = va_arg(list, struct flock *);
	va_end(list);
	portcullis_lock(&lock);
	result = record_lock(descriptor, command, flock);
	portcullis_unlock(&lock);
	return result;
}

ssize_t writev(int number, const struct iovec *pieces, int count)
{
	struct descriptor *descriptor = find(number);
	ssize_t done = 0;

	if (!descriptor)
		return -1;
	for (int i = 0; i < count; i++) {
		ssize_t size = pwrite(number, pieces[i].iov_base, pieces[i].iov_len, descriptor->position);

		if (size < 0)
			return done ? done : -1;
		descriptor->position += size;
		done += size;
	}
	return done;
}
