#include "host/cpio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRAILER       "TRAILER!!!"
#define LINKED_MAX    1024       /* files with several names */
#define FILE_SIZE_MAX 0xffffffff /* the format's field has eight digits */

/* A file with several names: only the first entry carries its data. */
struct linked_file {
	dev_t device;
	ino_t inode;
	unsigned number;
};

struct packing {
	struct buffer *archive;
	unsigned count; /* of entries: also the last inode number given */
	struct linked_file linked[LINKED_MAX];
	unsigned linked_count;
	char *reason;
	size_t reason_size;
};

static int fail(struct packing *packing, const char *path, const char *why)
{
	snprintf(packing->reason, packing->reason_size, "%s: %s", path, why);
	return -1;
}

static void pad(struct buffer *archive)
{
	buffer_zeroes(archive, -archive->size & 3);
}

static void add_header(struct buffer *archive, const char *name, unsigned number, unsigned mode,
                       unsigned links, size_t size)
{
	/* magic, inode, mode, uid, gid, links, mtime, size, device, device of a special file, length of the
	 * name, checksum */
	buffer_printf(archive, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", number, mode, 0,
	              0, links, 0, (unsigned)size, 0, 0, 0, 0, (unsigned)strlen(name) + 1, 0);
	buffer_append(archive, name, strlen(name) + 1);
	pad(archive);
}

static void add_entry(struct packing *packing, const char *name, const struct stat *status, unsigned number,
                      const struct buffer *data)
{
	unsigned links = S_ISREG(status->st_mode) ? (unsigned)status->st_nlink : 1;

	add_header(packing->archive, name, number, status->st_mode & (S_IFMT | 07777), links, data->size);
	buffer_append(packing->archive, data->data, data->size);
	pad(packing->archive);
}

/* The number that an earlier name of this file has; 0: this is its first name, now known by `number`. */
static unsigned find_linked(struct packing *packing, const struct stat *status, unsigned number)
{
	for (unsigned i = 0; i < packing->linked_count; i++)
		if (packing->linked[i].device == status->st_dev && packing->linked[i].inode == status->st_ino)
			return packing->linked[i].number;
	if (packing->linked_count < LINKED_MAX) /* beyond that, each name becomes a file of its own */
		packing->linked[packing->linked_count++] =
		        (struct linked_file){status->st_dev, status->st_ino, number};
	return 0;
}

static int add_file(struct packing *packing, const char *path, const char *name, const struct stat *status)
{
	unsigned number = packing->count,
	         first = status->st_nlink > 1 ? find_linked(packing, status, number) : 0;
	struct buffer data = {0};
	int error = 0;

	if (!first)
		error = buffer_read_file(&data, path);
	if (!error && data.size > FILE_SIZE_MAX)
		error = -EFBIG;
	if (!error)
		add_entry(packing, name, status, first ? first : number, &data);
	buffer_free(&data);
	return error ? fail(packing, path, strerror(-error)) : 0;
}

static int add_symlink(struct packing *packing, const char *path, const char *name, const struct stat *status)
{
	char target[PATH_MAX];
	ssize_t size = readlink(path, target, sizeof(target));

	if (size < 0)
		return fail(packing, path, strerror(errno));
	add_entry(packing, name, status, packing->count,
	          &(struct buffer){.data = target, .size = (size_t)size});
	return 0;
}

static int add_folder(struct packing *packing, const char *path, const char *name);

/* `name`: the path in the archive. */
static int add(struct packing *packing, const char *path, const char *name)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return fail(packing, path, strerror(errno));
	packing->count++;
	if (S_ISREG(status.st_mode))
		return add_file(packing, path, name, &status);
	if (S_ISLNK(status.st_mode))
		return add_symlink(packing, path, name, &status);
	if (!S_ISDIR(status.st_mode))
		return fail(packing, path, "is no regular file, folder or symbolic link");
	add_entry(packing, name, &status, packing->count, &(struct buffer){0});
	return add_folder(packing, path, name);
}

static int add_child(struct packing *packing, const char *path, const char *name, const char *child)
{
	char child_path[PATH_MAX], child_name[PATH_MAX];

	if (!strcmp(child, ".") || !strcmp(child, ".."))
		return 0;
	if (snprintf(child_path, sizeof(child_path), "%s/%s", path, child) >= PATH_MAX)
		return fail(packing, path, "holds a path that is too long");
	snprintf(child_name, sizeof(child_name), "%s%s%s", name, *name ? "/" : "", child);
	return add(packing, child_path, child_name);
}

/* Byte order, whatever the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct packing *packing, const char *path, const char *name)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, compare_names), error = 0;

	if (count < 0)
		return fail(packing, path, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (!error)
			error = add_child(packing, path, name, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return error;
}

int cpio_pack(const char *root, struct buffer *archive, char *reason, size_t size)
{
	struct packing packing = {.archive = archive, .reason = reason, .reason_size = size};

	if (add_folder(&packing, root, "") < 0)
		return -1;
	add_header(archive, TRAILER, 0, 0, 1, 0);
	return 0;
}

int cpio_pack_members(const struct cpio_member *members, unsigned count, struct buffer *archive, char *reason,
                      size_t size)
{
	struct packing packing = {.archive = archive, .reason = reason, .reason_size = size};

	for (const struct cpio_member *member = members; member < members + count; member++) {
		struct stat status;

		packing.count++;
		if (!member->path)
			add_header(archive, member->name, packing.count, S_IFDIR | 0755, 1, 0);
		else if (stat(member->path, &status) < 0)
			return fail(&packing, member->path, strerror(errno));
		else if (add_file(&packing, member->path, member->name, &status) < 0)
			return -1;
	}
	add_header(archive, TRAILER, 0, 0, 1, 0);
	return 0;
}
