/* Directories and names: mkdir, rmdir, unlink, link, symlink, rename, getdents64, chdir. */
#include "case.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SUBJECT "directories"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Prints the names in a directory, sorted: their order is the file system's business. */
static void show_directory(const char *path)
{
	char *names[64];
	size_t count = 0;
	struct dirent *entry;
	DIR *directory = opendir(path);

	if (!directory) {
		say("%s: %s\n", path, error_name(errno));
		return;
	}
	while ((entry = readdir(directory)) && count < 64)
		names[count++] = strdup(entry->d_name);
	qsort(names, count, sizeof(names[0]), compare_names);
	say("%s:", path);
	for (size_t i = 0; i < count; i++)
		say(" %s", names[i]);
	say("\n");
	closedir(directory);
}

CASE(mkdir_errors)
{
	struct stat status;

	SHOW(mkdir("directory", 0777));
	MUST(stat("directory", &status));
	say("mode %o\n", status.st_mode);
	SHOW(mkdir("directory", 0777));
	SHOW(mkdir("directory/", 0777));
	SHOW(mkdir("missing/inner", 0777));
	SHOW(mkdir("trailing/", 0700));
	write_file("file", "");
	SHOW(mkdir("file", 0777));
	SHOW(mkdir("file/inner", 0777));
	SHOW(mkdir(".", 0777));
	SHOW(mkdir("/", 0777));
	SHOW(mkdir("", 0777));
	SHOW(mkdir("sticky", 01777));
	MUST(stat("sticky", &status));
	say("mode %o\n", status.st_mode);
}

CASE(rmdir_errors)
{
	MUST(mkdir("directory", 0755));
	MUST(mkdir("directory/inner", 0755));
	write_file("file", "");
	SHOW(rmdir("directory"));
	SHOW(rmdir("directory/inner/."));
	SHOW(rmdir("directory/inner/.."));
	SHOW(rmdir("file"));
	SHOW(rmdir("missing"));
	SHOW(rmdir("directory/inner/"));
	SHOW(rmdir("directory"));
	SHOW(rmdir("/"));
	SHOW(rmdir(""));
}

CASE(unlink_errors)
{
	write_file("file", "");
	MUST(mkdir("directory", 0755));
	SHOW(unlink("directory"));
	SHOW(unlink("file/"));
	SHOW(unlink("missing"));
	SHOW(unlink("missing/file"));
	SHOW(unlink("file"));
	SHOW(unlink("file"));
	SHOW(unlink("."));
	SHOW(unlink(""));
}

CASE(unlinkat_flags)
{
	write_file("file", "");
	MUST(mkdir("directory", 0755));
	write_file("directory/inner", "");
	SHOW(open("directory", O_RDONLY));
	SHOW(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
	SHOW(unlinkat(AT_FDCWD, "directory", 0));
	SHOW(unlinkat(3, "inner", 0));
	SHOW(unlinkat(AT_FDCWD, "directory", AT_REMOVEDIR));
	SHOW(unlinkat(AT_FDCWD, "file", 0x8000));
	SHOW(unlinkat(3, "anything", 0));
	SHOW(unlinkat(77, "file", 0));
}

CASE(removed_working_directory)
{
	char path[PATH_MAX];

	MUST(mkdir("directory", 0755));
	SHOW(chdir("directory"));
	SHOW(rmdir("../directory"));
	SHOW_OK(syscall(SYS_getcwd, path, sizeof(path)));
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	SHOW(mkdir("inner", 0755));
	SHOW(chdir(".."));
	show_directory(".");
}

CASE(link_counts)
{
	struct stat status;

	write_file("file", "text");
	SHOW(link("file", "second"));
	MUST(stat("second", &status));
	say("links %lu\n", (unsigned long)status.st_nlink);
	SHOW(link("file", "second"));
	SHOW(link("missing", "third"));
	SHOW(link("file", "missing/third"));
	SHOW(link(".", "third"));
	SHOW(link("file/", "third"));
	SHOW(link("file", "third/"));
	SHOW(unlink("file"));
	MUST(stat("second", &status));
	say("links %lu\n", (unsigned long)status.st_nlink);
	say_file("second");
}

CASE(link_of_symlinks)
{
	struct stat status;

	write_file("file", "text");
	MUST(symlink("file", "link"));
	SHOW(link("link", "hard"));
	SHOW(lstat("hard", &status));
	say("S_ISLNK(status.st_mode): %d\n", S_ISLNK(status.st_mode));
	SHOW(linkat(AT_FDCWD, "link", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	SHOW(lstat("followed", &status));
	say("S_ISREG(status.st_mode): %d\n", S_ISREG(status.st_mode));
	SHOW(linkat(AT_FDCWD, "link", AT_FDCWD, "other", 0x40));
}

CASE(directory_link_counts)
{
	struct stat status;

	MUST(mkdir("directory", 0755));
	MUST(stat("directory", &status));
	say("links %lu\n", (unsigned long)status.st_nlink);
	MUST(mkdir("directory/a", 0755));
	MUST(mkdir("directory/b", 0755));
	write_file("directory/file", "");
	MUST(stat("directory", &status));
	say("links %lu\n", (unsigned long)status.st_nlink);
	MUST(rename("directory/a", "a"));
	MUST(stat("directory", &status));
	say("links %lu\n", (unsigned long)status.st_nlink);
}

CASE(symlink_and_readlink)
{
	char text[100];
	struct stat status;

	SHOW(symlink("target/of/link", "link"));
	memset(text, '.', sizeof(text));
	SHOW(readlink("link", text, sizeof(text)));
	say_bytes("text", text, 20);
	SHOW(readlink("link", text, 3));
	SHOW(syscall(SYS_readlink, "link", text, 0));
	SHOW(syscall(SYS_readlink, "link", text, -1));
	SHOW(readlink("link", (char *)8, 10));
	SHOW(readlink(".", text, 10));
	SHOW(readlink("missing", text, 10));
	SHOW(symlink("x", "link"));
	SHOW(symlink("", "empty"));
	SHOW(symlink("x", ""));
	SHOW(symlink("x", "missing/link"));
	SHOW(lstat("link", &status));
	say("mode %o size %ld\n", status.st_mode, (long)status.st_size);
	SHOW(stat("link", &status));
}

CASE(symlink_loops)
{
	char name[8], target[8];

	MUST(symlink("loop", "loop"));
	MUST(symlink("b", "a"));
	MUST(symlink("a", "b"));
	SHOW(open("loop", O_RDONLY));
	SHOW(open("a/x", O_RDONLY));
	SHOW(chdir("a"));
	write_file("end", "reached");
	MUST(symlink("end", "l0"));
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(target, sizeof(target), "l%d", i - 1);
		MUST(symlink(target, name));
	}
	say_file("l39");
	say_file("l40");
	say_file("l41");
}

CASE(symlinks_inside_paths)
{
	MUST(mkdir("a", 0755));
	MUST(mkdir("a/b", 0755));
	write_file("a/b/file", "deep");
	MUST(symlink("a/b", "short"));
	MUST(symlink("../b/file", "a/b/up"));
	say_file("short/file");
	say_file("short/up");
	say_file("short/../b/file");
	SHOW(rmdir("short"));
	SHOW(rmdir("short/"));
	SHOW(unlink("short"));
	SHOW(mkdir("a/b/up/x", 0755));
	MUST(symlink("a/b/", "slashed"));
	say_file("slashed/file");
}

CASE(rename_files)
{
	write_file("a", "A");
	write_file("b", "B");
	SHOW(rename("a", "b"));
	say_file("b");
	SHOW(access("a", F_OK));
	SHOW(rename("a", "c"));
	SHOW(rename("b", "missing/c"));
	SHOW(rename("b", "b"));
	SHOW(link("b", "d"));
	SHOW(rename("b", "d"));
	show_directory(".");
	SHOW(rename("b", "b/"));
	SHOW(rename("b", ""));
}

CASE(rename_directories)
{
	MUST(mkdir("d", 0755));
	MUST(mkdir("d/e", 0755));
	MUST(mkdir("empty", 0755));
	write_file("file", "");
	SHOW(rename("d", "d/e/f"));
	SHOW(rename("d/e", "d"));
	SHOW(rename("d", "file"));
	SHOW(rename("file", "d"));
	SHOW(rename("empty", "d"));
	SHOW(rename("d", "empty"));
	show_directory("empty");
	SHOW(rename("empty/", "renamed/"));
	show_directory("renamed");
	SHOW(rename(".", "x"));
	SHOW(rename("renamed/..", "x"));
	SHOW(rename("renamed", "."));
	show_directory(".");
}

CASE(rename_open_files)
{
	char buffer[8] = "";

	write_file("a", "A");
	write_file("b", "B");
	SHOW(open("b", O_RDONLY));
	SHOW(rename("a", "b"));
	SHOW(read(3, buffer, sizeof(buffer)));
	say_bytes("old", buffer, 1);
	say_file("b");
}

CASE(rename_symlinks)
{
	struct stat status;

	write_file("file", "text");
	MUST(symlink("file", "link"));
	SHOW(rename("link", "moved"));
	SHOW(lstat("moved", &status));
	say("S_ISLNK(status.st_mode): %d\n", S_ISLNK(status.st_mode));
	SHOW(rename("file", "moved"));
	SHOW(lstat("moved", &status));
	say("S_ISREG(status.st_mode): %d\n", S_ISREG(status.st_mode));
	show_directory(".");
}

CASE(renameat2_flags)
{
	write_file("a", "A");
	write_file("b", "B");
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 1)); /* RENAME_NOREPLACE */
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 1));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 0x100));
	SHOW(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "c", 3));
	show_directory(".");
}

CASE(at_calls)
{
	char text[32] = "";

	MUST(mkdir("directory", 0755));
	SHOW(open("directory", O_RDONLY));
	SHOW(mkdirat(3, "inner", 0755));
	SHOW(symlinkat("inner", 3, "link"));
	SHOW(readlinkat(3, "link", text, sizeof(text)));
	SHOW(renameat(3, "link", AT_FDCWD, "moved"));
	SHOW(linkat(AT_FDCWD, "moved", 3, "again", 0));
	SHOW(faccessat(3, "inner", R_OK, 0));
	SHOW(faccessat(3, "missing", R_OK, 0));
	SHOW(fchmodat(3, "inner", 0700, 0));
	SHOW(mkdirat(0, "x", 0755));
	SHOW(mkdirat(9, "x", 0755));
	show_directory("directory");
}

CASE(listing)
{
	show_directory("missing");
	MUST(mkdir("directory", 0755));
	show_directory("directory");
	for (char name[] = "directory/a"; name[10] <= 'k'; name[10]++)
		write_file(name, "");
	show_directory("directory");
	MUST(unlink("directory/c"));
	show_directory("directory");
}

CASE(listing_types)
{
	struct dirent *entry;
	DIR *directory;

	write_file("file", "");
	MUST(mkdir("inner", 0755));
	MUST(symlink("file", "link"));
	directory = opendir(".");
	for (const char *wanted = "fil"; *wanted; wanted++) {
		rewinddir(directory);
		while ((entry = readdir(directory)))
			if (entry->d_name[0] == *wanted) {
				struct stat status;

				lstat(entry->d_name, &status);
				say("%s type %d same inode %d\n", entry->d_name, entry->d_type,
				    status.st_ino == entry->d_ino);
			}
	}
}

CASE(listing_while_removing)
{
	char name[16];
	int seen = 0;
	struct dirent *entry;
	DIR *directory;

	MUST(mkdir("directory", 0755));
	MUST(chdir("directory"));
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "file-%d", i);
		write_file(name, "");
	}
	directory = opendir(".");
	while ((entry = readdir(directory)))
		if (entry->d_name[0] == 'f') {
			MUST(unlink(entry->d_name));
			seen++;
		}
	say("seen %d\n", seen);
	show_directory(".");
}

CASE(getdents_errors)
{
	char buffer[1024];

	write_file("file", "");
	SHOW(open("file", O_RDONLY));
	SHOW(open(".", O_RDONLY));
	SHOW(syscall(SYS_getdents64, 3, buffer, sizeof(buffer)));
	SHOW(syscall(SYS_getdents64, 4, buffer, 8));
	SHOW(syscall(SYS_getdents64, 4, 8, sizeof(buffer)));
	SHOW(syscall(SYS_getdents64, 99, buffer, sizeof(buffer)));
	while (syscall(SYS_getdents64, 4, buffer, sizeof(buffer)) > 0)
		;
	SHOW(syscall(SYS_getdents64, 4, buffer, sizeof(buffer)));
	SHOW(lseek(4, 0, SEEK_SET));
	say("syscall(SYS_getdents64, 4, buffer, sizeof(buffer)) > 0: %d\n",
	    syscall(SYS_getdents64, 4, buffer, sizeof(buffer)) > 0);
}

CASE(chdir_and_getcwd)
{
	char path[PATH_MAX], before[PATH_MAX];

	getcwd(before, sizeof(before));
	MUST(mkdir("a", 0755));
	MUST(mkdir("a/b", 0755));
	write_file("file", "");
	SHOW(chdir("a/b"));
	getcwd(path, sizeof(path));
	say("now in %s\n", path + strlen(before));
	SHOW(chdir("../.."));
	SHOW(chdir("missing"));
	SHOW(chdir("file"));
	SHOW(chdir(""));
	SHOW(open("a", O_RDONLY));
	SHOW(open("file", O_RDONLY));
	SHOW(fchdir(3));
	SHOW(fchdir(4));
	SHOW(fchdir(99));
	getcwd(path, sizeof(path));
	say("now in %s\n", path + strlen(before));
	SHOW(chdir("/"));
	SHOW(chdir("/.."));
	SHOW(syscall(SYS_getcwd, path, sizeof(path)));
	say_bytes("path", path, strlen(path));
	SHOW(syscall(SYS_getcwd, path, 1));
	SHOW(syscall(SYS_getcwd, 8, 100));
}

static void change_directory(void *argument)
{
	(void)argument;
	MUST(chdir("directory"));
	show_directory(".");
}

CASE(working_directory_after_fork)
{
	MUST(mkdir("directory", 0755));
	in_child("child", change_directory, NULL);
	show_directory(".");
	SHOW(rename("directory", "moved"));
	SHOW(chdir("moved"));
	SHOW(rename("../moved", "../again"));
	SHOW(access("../again", F_OK));
}

CASE(umask_applies)
{
	struct stat status;

	SHOW(umask(077));
	SHOW(umask(01027));
	SHOW(umask(027));
	MUST(mkdir("directory", 0777));
	write_file("file", "");
	stat("directory", &status);
	say("mode %o\n", status.st_mode);
	stat("file", &status);
	say("mode %o\n", status.st_mode);
}
