/*
 * Pseudo-random calls on a few names and descriptors, with rights and without. No path here leads out of the
 * case's directory: none is absolute and none has "..", in symbolic links as little as elsewhere.
 */
#include "case.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SUBJECT "random_files"
#define STEPS   600
#define FILES   6
#define LARGE   12000 /* bytes: several pages */

static uint64_t state;
static int files[FILES];
static int home; /* the case's directory */
static char data[LARGE];

/* xorshift64*, below `limit`. */
static unsigned below(unsigned limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1dUL >> 32) % limit);
}

/* Up to three components of four names, so that calls meet each other's results. */
static const char *random_path(char *path)
{
	static const char *const odd[] = {"", ".", "./a", "a/.", "a/", "b//", "d/./", "a/./b"};
	unsigned depth = 1 + (below(3) == 0) + (below(5) == 0);

	if (below(25) == 0)
		return strcpy(path, odd[below(COUNT(odd))]);
	*path = 0;
	for (unsigned i = 0; i < depth; i++) {
		size_t length = strlen(path);

		snprintf(path + length, 8, "%s%c", i == 0 ? "" : below(10) ? "/" : "//", 'a' + below(4));
	}
	return path;
}

/* Mostly one that is open. */
static int random_file(void)
{
	int file = -1;

	for (int tries = 0; file < 0 && tries < 6; tries++)
		file = files[below(FILES)];
	return file;
}

static size_t random_size(void)
{
	return below(4) ? below(100) : below(LARGE);
}

static unsigned hash(const char *bytes, long size)
{
	unsigned result = 0;

	for (long i = 0; i < size; i++)
		result = result * 31 + (unsigned char)bytes[i];
	return result;
}

static void open_one(const char *path)
{
	static const int flags[] = {O_CREAT,     O_CREAT | O_EXCL, O_TRUNC,   O_APPEND,
	                            O_DIRECTORY, O_NOFOLLOW,       O_CLOEXEC, O_PATH};
	static const int access[] = {O_RDONLY, O_WRONLY | O_CREAT, O_RDWR, O_RDWR | O_CREAT};
	int *file = &files[below(FILES)], how = access[below(4)];
	mode_t mode = below(3) ? 0644 : below(01000);

	if (below(2))
		how |= flags[below(COUNT(flags))];
	if ((how & O_DIRECTORY) && (how & O_CREAT))
		how &= ~O_CREAT; /* refused by new kernels only */
	if (*file >= 0)
		close(*file);
	*file = open(path, how, mode);
	say("%s %o %o: ", path, how, mode);
	say_result("open", *file);
}

static void change_directory(const char *path)
{
	say("%s: ", path);
	say_result("chdir", chdir(path));
	must("fchdir", fchdir(home));
}

static void say_stat(const char *what, long result, const struct stat *status)
{
	say_result(what, result);
	if (result == 0)
		say("mode %o links %ld uid %u gid %u size %ld\n", status->st_mode, (long)status->st_nlink,
		    status->st_uid, status->st_gid, S_ISDIR(status->st_mode) ? 0 : (long)status->st_size);
}

static void call_with_path(void)
{
	char path[64], other[64];
	struct stat status;
	long result;

	random_path(path);
	random_path(other);
	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		open_one(path);
		return;
	case 4:
		change_directory(path);
		return;
	case 5:
		result = stat(path, &status);
		say("%s: ", path);
		say_stat("stat", result, &status);
		return;
	case 6:
		result = lstat(path, &status);
		say("%s: ", path);
		say_stat("lstat", result, &status);
		return;
	case 7:
		result = mkdir(path, below(3) ? 0755 : below(01000));
		break;
	case 8:
		result = rmdir(path);
		break;
	case 9:
		result = unlink(path);
		break;
	case 10:
		result = link(path, other);
		break;
	case 11:
		result = symlink(path, other);
		break;
	case 12:
		result = syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, other, below(4) == 0);
		break;
	case 13:
		result = readlink(path, data, 1 + below(20));
		break;
	case 14:
		result = chmod(path, below(2) ? 0755 : below(01000));
		break;
	default:
		result = access(path, below(8));
		break;
	}
	say("%s %s: ", path, other);
	say_result("call", result);
}

static void call_with_file(void)
{
	int file = random_file();
	size_t size = random_size();
	off_t offset = (off_t)below(50000) - 100;
	struct stat status;
	long result;

	if (fstat(file, &status) == 0 && S_ISDIR(status.st_mode))
		offset = 0; /* positions in a directory mean nothing */
	memset(data, (int)below(256), sizeof(data));
	switch (below(9)) {
	case 0:
		result = read(file, data, size);
		break;
	case 1:
		result = write(file, data, size);
		break;
	case 2:
		result = pread(file, data, size, offset);
		break;
	case 3:
		result = pwrite(file, data, size, offset);
		break;
	case 4:
		result = lseek(file, offset, offset ? (int)below(3) : SEEK_SET);
		break;
	case 5:
		result = ftruncate(file, offset);
		break;
	case 6:
		result = fcntl(file, F_GETFL);
		break;
	case 7:
		result = fcntl(file, F_SETFL, below(2) ? O_APPEND : 0);
		break;
	default:
		say_stat("fstat", fstat(file, &status), &status);
		return;
	}
	say("%d %zu %ld hash %x: ", file, size, (long)offset, hash(data, sizeof(data)));
	say_result("call", result);
}

static void say_tree(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);

	if (count < 0) {
		say_result(path, -1);
		return;
	}
	for (int i = 0; i < count; i++) {
		char below_it[512];

		snprintf(below_it, sizeof(below_it), "%s/%s", path, entries[i]->d_name);
		say("%s type %d\n", below_it, entries[i]->d_type);
		if (entries[i]->d_type == DT_DIR && entries[i]->d_name[0] != '.')
			say_tree(below_it);
		free(entries[i]);
	}
	free(entries);
}

static void run(void *seed)
{
	state = *(unsigned *)seed * 2 + 1;
	say("seed %u\n", *(unsigned *)seed);
	home = must("open", open(".", O_RDONLY | O_DIRECTORY));
	for (int i = 0; i < FILES; i++)
		files[i] = -1;
	for (int step = 0; step < STEPS; step++) {
		if (below(2))
			call_with_path();
		else
			call_with_file();
	}
	say_tree(".");
}

CASE_ROOT(with_rights)
{
	unsigned seed = 1;

	in_child("end of the calls", run, &seed);
}

CASE_ROOT(without_rights)
{
	unsigned seed = 2;

	/* A part that belongs to root, with different rights. */
	must("mkdir", mkdir("a", 0755));
	must("mkdir", mkdir("b", 0700));
	write_file("a/c", "root's");
	write_file("d", "root's");
	must("chmod", chmod("d", 0604));
	must("chmod", chmod(".", 01777));
	as_user("end of the calls", run, &seed);
}
