/* Descriptors: duplicates, flags, locks, control calls, vectors, attributes of open files. */
#include "case.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SUBJECT "descriptors"
#define BAD     ((void *)8) /* an address that no program maps */

static int create(const char *path, const char *text)
{
	int fd = must(path, open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));

	must("write", write(fd, text, strlen(text)));
	return fd;
}

CASE(until_full)
{
	int last = -1, fd;

	write_file("file", "");
	while ((fd = open("file", O_RDONLY)) >= 0)
		last = fd;
	say_result("full", fd);
	say("last %d\n", last);
	say_ok("dup", dup(0));
	say_ok("dup2 on a used one", dup2(0, 100));
	say_ok("pipe", pipe((int[2]){0, 0}));
	close(100);
	say_result("after a close", open("file", O_RDONLY));
}

CASE(bad_descriptors)
{
	static const int bad[] = {-1, 77, CASE_OPEN_MAX, 100000};
	char room[256] = "";

	for (size_t i = 0; i < COUNT(bad); i++) {
		int fd = bad[i];

		say("descriptor %d\n", fd);
		say_result("read", read(fd, room, 1));
		say_result("write", write(fd, room, 1));
		say_result("close", close(fd));
		say_result("lseek", lseek(fd, 0, SEEK_SET));
		say_result("fstat", syscall(SYS_fstat, fd, room));
		say_result("dup", dup(fd));
		say_result("ftruncate", ftruncate(fd, 0));
		say_result("fsync", fsync(fd));
		say_result("fchmod", syscall(SYS_fchmod, fd, 0644));
		say_result("fchdir", syscall(SYS_fchdir, fd));
		say_result("getdents64", syscall(SYS_getdents64, fd, room, sizeof(room)));
		say_result("ioctl", ioctl(fd, TIOCGWINSZ, room));
		say_result("fcntl", fcntl(fd, F_GETFD));
		say_result("flock", syscall(SYS_flock, fd, 1));
		say_result("fstatfs", syscall(SYS_fstatfs, fd, room));
	}
}

CASE(dup_shares_position)
{
	char byte = 0;
	int fd = create("file", "abcdef"), copy = dup(fd), other = open("file", O_RDONLY);

	lseek(fd, 2, SEEK_SET);
	say_result("copy", lseek(copy, 0, SEEK_CUR));
	say_result("other", lseek(other, 0, SEEK_CUR));
	close(fd);
	say_result("read of the copy", read(copy, &byte, 1));
	say("%c\n", byte);
}

CASE(dup2_dup3)
{
	int fd = create("file", "abcdef");

	say_result("dup2", dup2(fd, 50));
	say_result("onto itself", dup2(fd, fd));
	say_result("of a bad one", dup2(99, 50));
	say_ok("target survives", fcntl(50, F_GETFD));
	say_result("onto a bad one", dup2(fd, -1));
	say_result("onto a large one", dup2(fd, CASE_OPEN_MAX));
	say_result("bad onto itself", dup2(77, 77));
	say_result("dup3", dup3(fd, 51, O_CLOEXEC));
	say_result("its flags", fcntl(51, F_GETFD));
	say_result("flags of dup2", fcntl(50, F_GETFD));
	say_result("dup3 onto itself", dup3(fd, fd, 0));
	say_result("dup3 unknown flag", dup3(fd, 52, O_APPEND));
}

CASE(fcntl_flags)
{
	int fd = must("open", open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0644)), pipes[2];

	say("open: %o, descriptor %d\n", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
	say_result("set", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY | O_CREAT));
	say("now: %o\n", fcntl(fd, F_GETFL));
	say_result("clear", fcntl(fd, F_SETFL, 0));
	say("now: %o\n", fcntl(fd, F_GETFL));
	say_result("clear close-on-exec", fcntl(fd, F_SETFD, 0));
	say_result("now", fcntl(fd, F_GETFD));
	must("pipe2", pipe2(pipes, O_NONBLOCK));
	say("pipe: %o %o\n", fcntl(pipes[0], F_GETFL), fcntl(pipes[1], F_GETFL));
	say_result("F_DUPFD", fcntl(fd, F_DUPFD, 40));
	say_result("F_DUPFD again", fcntl(fd, F_DUPFD, 40));
	say_result("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 60));
	say_result("its flag", fcntl(60, F_GETFD));
	say_result("beyond the limit", fcntl(fd, F_DUPFD, CASE_OPEN_MAX));
	say_result("unknown command", fcntl(fd, 9999, 0));
}

static void try_lock(void *argument)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 4};
	int fd = open("file", O_RDWR);

	(void)argument;
	say_ok("child's lock", fcntl(fd, F_SETLK, &lock));
	must("F_GETLK", fcntl(fd, F_GETLK, &lock));
	say("held: type %d from %ld length %ld, by the parent: %d\n", lock.l_type, (long)lock.l_start,
	    (long)lock.l_len, lock.l_pid == getppid());
	lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 8, .l_len = 1};
	say_ok("child's lock elsewhere", fcntl(fd, F_SETLK, &lock));
}

CASE(record_locks)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 4};
	int fd = create("file", "0123456789");

	say_ok("lock", fcntl(fd, F_SETLK, &lock));
	in_child("child", try_lock, NULL);
	lock.l_type = F_UNLCK;
	say_ok("unlock", fcntl(fd, F_SETLK, &lock));
	in_child("child", try_lock, NULL);
}

#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8

CASE(file_locks)
{
	int a = create("file", ""), b = must("open", open("file", O_RDWR)), copy = dup(a);

	say_result("shared", syscall(SYS_flock, a, LOCK_SH));
	say_result("shared twice", syscall(SYS_flock, b, LOCK_SH | LOCK_NB));
	say_result("exclusive", syscall(SYS_flock, b, LOCK_EX | LOCK_NB));
	say_result("release", syscall(SYS_flock, copy, LOCK_UN));
	say_result("exclusive now", syscall(SYS_flock, b, LOCK_EX | LOCK_NB));
	say_result("shared refused", syscall(SYS_flock, a, LOCK_SH | LOCK_NB));
	close(b);
	say_result("after close", syscall(SYS_flock, a, LOCK_EX | LOCK_NB));
	say_result("bad operation", syscall(SYS_flock, a, 77));
}

CASE(control_calls)
{
	int pipes[2], count = -1, on = 1, fd = create("file", "x");
	char window[64];

	say_result("window size of a file", ioctl(fd, TIOCGWINSZ, window));
	say_result("unknown", ioctl(fd, 0x1234, window));
	must("pipe", pipe(pipes));
	must("write", write(pipes[1], "12345", 5));
	say_result("FIONREAD", ioctl(pipes[0], FIONREAD, &count));
	say("%d bytes\n", count);
	say_result("FIONBIO", ioctl(pipes[0], FIONBIO, &on));
	say("flags %o\n", fcntl(pipes[0], F_GETFL));
	say_result("FIOCLEX", ioctl(fd, FIOCLEX));
	say_result("flag", fcntl(fd, F_GETFD));
	say_result("FIONCLEX", ioctl(fd, FIONCLEX));
	say_result("flag", fcntl(fd, F_GETFD));
}

CASE(vectors)
{
	char a[4] = "", b[8] = "";
	int fd = create("file", "");
	struct iovec out[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {"three", 5}};
	struct iovec in[] = {{a, 3}, {b, 7}};
	struct iovec bad[] = {{"fine", 4}, {BAD, 4}};
	struct iovec huge[] = {{a, SIZE_MAX / 2}, {b, SIZE_MAX / 2}};

	say_result("writev", writev(fd, out, 4));
	lseek(fd, 0, SEEK_SET);
	say_result("readv", readv(fd, in, 2));
	say("\"%s\" \"%s\"\n", a, b);
	say_result("rest", readv(fd, in, 2));
	say_result("at the end", readv(fd, in, 2));
	say_result("no vectors", writev(fd, out, 0));
	say_result("negative count", writev(fd, out, -1));
	say_result("1025 vectors", syscall(SYS_writev, fd, out, 1025));
	say_result("bad vector", syscall(SYS_writev, fd, BAD, 1));
	say_result("length that is negative", syscall(SYS_writev, fd, (struct iovec[]){{a, SIZE_MAX}}, 1));
	say_result("too long in sum", syscall(SYS_readv, fd, huge, 2));
	say_result("second bad", writev(fd, bad, 2));
	say_result("first bad", writev(fd, bad + 1, 1));
	say_file("file");
}

CASE(vectors_at_offset)
{
	char a[3] = "", b[4] = "";
	int pipes[2], fd = create("file", "0123456789");
	struct iovec out[] = {{"AB", 2}, {"CD", 2}};
	struct iovec in[] = {{a, 2}, {b, 3}};

	say_result("pwritev", pwritev(fd, out, 2, 3));
	say_result("preadv", preadv(fd, in, 2, 2));
	say("\"%s\" \"%s\"\n", a, b);
	say_result("position", lseek(fd, 0, SEEK_CUR));
	say_result("negative", preadv(fd, in, 2, -1));
	must("pipe", pipe(pipes));
	say_result("pipe", pwritev(pipes[1], out, 2, 0));
}

CASE(status_of_files)
{
	struct stat file, soft, hard, directory;

	write_file("file", "12345");
	must("chmod", chmod("file", 0751));
	must("symlink", symlink("file", "soft"));
	must("link", link("file", "hard"));
	must("stat", stat("file", &file));
	must("lstat", lstat("soft", &soft));
	must("stat", stat("hard", &hard));
	must("stat", stat(".", &directory));
	say("file: mode %o size %ld links %lu\n", file.st_mode, (long)file.st_size,
	    (unsigned long)file.st_nlink);
	say("link: mode %o size %ld\n", soft.st_mode, (long)soft.st_size);
	say("directory: mode %o\n", directory.st_mode);
	say("same file: %d, same device: %d\n", hard.st_ino == file.st_ino, directory.st_dev == file.st_dev);
	say("mine: %d %d\n", file.st_uid == geteuid(), file.st_gid == getegid());
	say("blocks for 5 bytes: %d\n", file.st_blocks > 0);
	say_result("below a file", stat("file/x", &file));
	say_result("file with a slash", stat("file/", &file));
	say_result("bad pointer", syscall(SYS_stat, "file", BAD));
	say_result("bad path", syscall(SYS_stat, BAD, &file));
	say_result("bad pointer", syscall(SYS_fstat, 0, BAD));
	say_result("empty path", syscall(SYS_newfstatat, AT_FDCWD, "", &file, 0));
	say_result("working directory", syscall(SYS_newfstatat, AT_FDCWD, "", &file, AT_EMPTY_PATH));
	say("same: %d\n", file.st_ino == directory.st_ino);
}

CASE(status_of_special_files)
{
	struct stat status;
	int pipes[2];

	must("stat", stat("/dev/null", &status));
	say("null: %o %lx\n", status.st_mode & S_IFMT, (unsigned long)status.st_rdev);
	must("stat", stat("/dev/zero", &status));
	say("zero: %o %lx\n", status.st_mode & S_IFMT, (unsigned long)status.st_rdev);
	must("pipe", pipe(pipes));
	must("fstat", fstat(pipes[0], &status));
	say("pipe: %o size %ld\n", status.st_mode & S_IFMT, (long)status.st_size);
}

CASE(times_follow_use)
{
	struct stat before, after;
	int fd = create("file", "x");

	must("futimens", futimens(fd, (struct timespec[2]){{1000, 5}, {2000, 7}}));
	must("fstat", fstat(fd, &before));
	say("set: %ld.%09ld %ld.%09ld\n", (long)before.st_atim.tv_sec, before.st_atim.tv_nsec,
	    (long)before.st_mtim.tv_sec, before.st_mtim.tv_nsec);
	must("write", write(fd, "y", 1));
	must("fstat", fstat(fd, &after));
	say("write changed mtime: %d, atime: %d\n", after.st_mtime != before.st_mtime,
	    after.st_atime != before.st_atime);
	must("futimens", futimens(fd, (struct timespec[2]){{0, UTIME_OMIT}, {3000, 0}}));
	must("fstat", fstat(fd, &after));
	say("omit: %ld %ld\n", (long)after.st_atime, (long)after.st_mtime);
	must("futimens", futimens(fd, (struct timespec[2]){{0, UTIME_NOW}, {0, UTIME_OMIT}}));
	must("fstat", fstat(fd, &after));
	say("now: %d %ld\n", after.st_atime > 100000, (long)after.st_mtime);
	must("ftruncate", ftruncate(fd, 0));
	must("fstat", fstat(fd, &after));
	say("truncation changed mtime: %d\n", after.st_mtime != 3000);
}

CASE(set_times)
{
	struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
	struct timespec fine[2] = {{11, 0}, {12, 0}};
	struct timeval times[2] = {{21, 500000}, {22, 0}};
	struct stat status;

	write_file("file", "x");
	must("symlink", symlink("file", "link"));
	say_result("bad nanoseconds", utimensat(AT_FDCWD, "file", bad, 0));
	say_result("missing", utimensat(AT_FDCWD, "missing", fine, 0));
	say_result("unknown flag", utimensat(AT_FDCWD, "file", fine, 0x8000));
	say_result("the link itself", utimensat(AT_FDCWD, "link", fine, AT_SYMLINK_NOFOLLOW));
	must("stat", stat("file", &status));
	say("file untouched: %d\n", status.st_mtime != 12);
	must("lstat", lstat("link", &status));
	say("link: %ld\n", (long)status.st_mtime);
	say_result("utimes", syscall(SYS_utimes, "link", times));
	must("stat", stat("file", &status));
	say("file: %ld.%09ld %ld\n", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
	    (long)status.st_mtime);
	times[0].tv_usec = 1000000;
	say_result("bad microseconds", syscall(SYS_utimes, "file", times));
	say_result("bad pointer", syscall(SYS_utimes, "file", BAD));
}

CASE(access_checks)
{
	write_file("file", "x");
	must("chmod", chmod("file", 0644));
	say_result("exists", access("file", F_OK));
	say_result("missing", access("missing", F_OK));
	say_result("readable", access("file", R_OK | W_OK));
	say_result("executable", access("file", X_OK));
	must("chmod", chmod("file", 0700));
	say_result("executable now", access("file", R_OK | W_OK | X_OK));
	say_result("bad mode", access("file", 8));
	say_result("through a file", access("file/x", F_OK));
	say_result("faccessat", syscall(SYS_faccessat, AT_FDCWD, "file", R_OK));
	say_result("faccessat2 effective", syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, AT_EACCESS));
	say_result("faccessat2 unknown flag", syscall(SYS_faccessat2, AT_FDCWD, "file", R_OK, 0x8000));
}

CASE(file_system_status)
{
	char room[256];
	int fd = create("file", "");

	say_result("directory", syscall(SYS_statfs, ".", room));
	say_result("descriptor", syscall(SYS_fstatfs, fd, room));
	say_result("missing", syscall(SYS_statfs, "missing", room));
	say_result("bad pointer", syscall(SYS_fstatfs, fd, BAD));
}

CASE(unlinked_file_lives_on)
{
	struct stat status;
	char text[16] = "";
	int fd = create("file", "still here");

	say_result("unlink", unlink("file"));
	say_ok("open", open("file", O_RDONLY));
	say_result("read", pread(fd, text, 15, 0));
	say("\"%s\"\n", text);
	say_result("write", write(fd, "!", 1));
	must("fstat", fstat(fd, &status));
	say("links %lu size %ld\n", (unsigned long)status.st_nlink, (long)status.st_size);
	write_file("file", "another");
	say_result("read", pread(fd, text, 15, 0));
	say("\"%s\"\n", text);
	say_file("file");
}
