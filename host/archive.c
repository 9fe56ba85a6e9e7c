#include "host/archive.h"

#include "guest/fs/cpio.h"
#include "host/cpio.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Reads to the end once. */
static int check(const char *path, const struct buffer *archive, char *reason, size_t size)
{
	struct cpio_reader reader;
	struct cpio_entry entry;
	enum cpio_result result;

	cpio_begin(&reader, archive->data, archive->size);
	while ((result = cpio_next(&reader, &entry)) == CPIO_ENTRY)
		;
	if (result == CPIO_END)
		return 0;
	snprintf(reason, size, "archive %s: entry %u %s", path, reader.number, reader.reason);
	return -1;
}

int archive_load(const char *path, struct buffer *archive, char *reason, size_t size)
{
	char why[512];
	struct stat status;
	int error;

	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		if (cpio_pack(path, archive, why, sizeof(why)) == 0)
			return 0;
		snprintf(reason, size, "the folder %s cannot be packed: %s", path, why);
		return -1;
	}
	error = buffer_read_file(archive, path);
	if (error) {
		snprintf(reason, size, "%s: %s", path, strerror(-error));
		return -1;
	}
	return check(path, archive, reason, size);
}

/* Takes "/", "." and empty components out, so that names can be compared. False: too long. */
static bool normalise(const char *path, char *text)
{
	size_t used = 0;

	while (*path) {
		size_t length = strcspn(path, "/");

		if (length && !(length == 1 && *path == '.')) {
			if (used + length + 2 > PATH_MAX)
				return false;
			text[used++] = '/';
			memcpy(text + used, path, length);
			used += length;
		}
		path += length + (path[length] == '/');
	}
	text[used] = '\0';
	return true;
}

/* The mode of what the archive has at `path` (normalised), 0: nothing. */
static unsigned find_mode(const struct buffer *archive, const char *path)
{
	struct cpio_reader reader;
	struct cpio_entry entry;
	char name[PATH_MAX];
	unsigned mode = 0;

	cpio_begin(&reader, archive->data, archive->size);
	while (cpio_next(&reader, &entry) == CPIO_ENTRY)
		if (normalise(entry.name, name) && !strcmp(name, path))
			mode = entry.mode;
	return mode;
}

static bool passes_symlink(const struct buffer *archive, const char *path)
{
	char parent[PATH_MAX];

	for (size_t i = 1; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(parent, path, i);
		parent[i] = '\0';
		if (S_ISLNK(find_mode(archive, parent)))
			return true;
	}
	return false;
}

int archive_check_program(const struct buffer *archive, const char *program, char *reason, size_t size)
{
	char path[PATH_MAX];
	const char *why;
	unsigned mode;

	if (!normalise(program, path) || strstr(path, "/..") || passes_symlink(archive, path))
		return 0;
	mode = find_mode(archive, path);
	if (!mode)
		why = "is not in the guest's file system";
	else if (S_ISDIR(mode))
		why = "is a folder";
	else if (S_ISREG(mode) && !(mode & 0111))
		why = "is not executable";
	else
		return 0;
	snprintf(reason, size, "%s %s", program, why);
	return -1;
}
