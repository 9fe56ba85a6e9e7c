/* Regular files: open, read, write, seek, sizes. */
#include "case.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SUBJECT "files"

static char buffer[4096];

CASE(open_missing)
{
	SHOW(open("missing", O_RDONLY));
	SHOW(open("missing/", O_RDONLY | O_CREAT, 0644));
	SHOW(open("missing/file", O_RDONLY | O_CREAT, 0644));
	SHOW(open("", O_RDONLY));
	SHOW(open((const char *)8, O_RDONLY));
}

CASE(open_creates)
{
	struct stat status;

	SHOW(open("file", O_RDWR | O_CREAT, 0666));
	SHOW(open("file", O_RDWR | O_CREAT | O_EXCL, 0666));
	SHOW(open("exclusive", O_RDWR | O_CREAT | O_EXCL, 0640));
	SHOW(stat("file", &status));
	say("mode %o size %ld links %lu\n", status.st_mode, (long)status.st_size,
	    (unsigned long)status.st_nlink);
	SHOW(stat("exclusive", &status));
	say("mode %o\n", status.st_mode);
}

CASE(open_directory_for_writing)
{
	MUST(mkdir("directory", 0755));
	SHOW(open("directory", O_WRONLY));
	SHOW(open("directory", O_RDWR));
	SHOW(open("directory", O_RDONLY | O_CREAT, 0644));
	SHOW(open("directory", O_RDONLY | O_CREAT | O_EXCL, 0644));
	SHOW(open("directory", O_RDONLY));
	SHOW(read(3, buffer, 10));
	SHOW(write(3, buffer, 10));
	SHOW(ftruncate(3, 0));
	SHOW(truncate("directory", 0));
}

CASE(open_o_directory)
{
	write_file("file", "text");
	MUST(mkdir("directory", 0755));
	SHOW(open("file", O_RDONLY | O_DIRECTORY));
	SHOW(open("directory", O_RDONLY | O_DIRECTORY));
	SHOW(open("missing", O_RDONLY | O_DIRECTORY));
	SHOW(open("file/", O_RDONLY));
	SHOW(open("file/x", O_RDONLY));
	SHOW(open("file/..", O_RDONLY));
}

CASE(open_truncates)
{
	write_file("file", "some text");
	SHOW(open("file", O_RDWR));
	say_file("file");
	SHOW(open("file", O_WRONLY | O_TRUNC));
	say_file("file");
	SHOW(lseek(3, 0, SEEK_END));
}

CASE(open_path_only)
{
	struct stat status;

	write_file("file", "text");
	SHOW(open("file", O_PATH));
	SHOW(read(3, buffer, 1));
	SHOW(write(3, buffer, 1));
	SHOW(lseek(3, 0, SEEK_SET));
	SHOW(fstat(3, &status));
	say("size %ld\n", (long)status.st_size);
	SHOW(syscall(SYS_fchmod, 3, 0600));
	SHOW(fcntl(3, F_GETFL));
	SHOW(dup(3));
	SHOW(close(3));
}

CASE(open_no_follow)
{
	write_file("file", "text");
	MUST(symlink("file", "link"));
	MUST(symlink("nowhere", "dangling"));
	SHOW(open("link", O_RDONLY | O_NOFOLLOW));
	SHOW(open("link", O_RDONLY));
	SHOW(open("dangling", O_RDONLY));
	SHOW(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
	SHOW(open("dangling", O_RDWR | O_CREAT, 0644));
	SHOW(access("nowhere", F_OK));
}

CASE(open_lowest_descriptor)
{
	write_file("file", "text");
	SHOW(open("file", O_RDONLY));
	SHOW(open("file", O_RDONLY));
	SHOW(open("file", O_RDONLY));
	SHOW(close(4));
	SHOW(close(4));
	SHOW(open("file", O_RDONLY));
	SHOW(close(3));
	SHOW(creat("other", 0600));
	SHOW(close(-1));
	SHOW(close(100));
}

CASE(open_name_lengths)
{
	char name[300], path[5000];

	memset(name, 'a', sizeof(name));
	name[255] = 0;
	SHOW(open(name, O_RDWR | O_CREAT, 0644));
	name[255] = 'a';
	name[256] = 0;
	SHOW(open(name, O_RDWR | O_CREAT, 0644));
	SHOW(access(name, F_OK));
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : '.';
	path[4094] = '.';
	path[4095] = 0;
	SHOW(open(path, O_RDONLY));
	path[4095] = '/';
	path[4096] = 0;
	SHOW(open(path, O_RDONLY));
}

CASE(openat_directories)
{
	MUST(mkdir("directory", 0755));
	write_file("directory/file", "inside");
	write_file("plain", "outside");
	SHOW(open("directory", O_RDONLY));
	SHOW(openat(3, "file", O_RDONLY));
	SHOW(openat(3, "../plain", O_RDONLY));
	SHOW(openat(5, "file", O_RDONLY));
	SHOW(openat(99, "file", O_RDONLY));
	SHOW(openat(99, "/dev/null", O_RDONLY));
	SHOW(openat(AT_FDCWD, "plain", O_RDONLY));
	SHOW(openat(3, "", O_RDONLY));
}

CASE(access_modes_of_descriptors)
{
	write_file("file", "text");
	SHOW(open("file", O_RDONLY));
	SHOW(open("file", O_WRONLY));
	SHOW(write(3, "x", 1));
	SHOW(read(4, buffer, 1));
	SHOW(write(4, "x", 1));
	SHOW(pwrite(3, "x", 1, 0));
	SHOW(pread(4, buffer, 1, 0));
	SHOW(ftruncate(3, 0));
	SHOW(ftruncate(4, 2));
	say_file("file");
}

CASE(read_write_positions)
{
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	SHOW(write(3, "hello world", 11));
	SHOW(read(3, buffer, 10));
	SHOW(lseek(3, 0, SEEK_SET));
	SHOW(read(3, buffer, 5));
	say_bytes("read", buffer, 5);
	SHOW(lseek(3, 0, SEEK_CUR));
	SHOW(read(3, buffer, sizeof(buffer)));
	SHOW(read(3, buffer, sizeof(buffer)));
	SHOW(read(3, buffer, 0));
	SHOW(write(3, buffer, 0));
}

CASE(read_write_bad_memory)
{
	write_file("file", "text");
	SHOW(open("file", O_RDWR));
	SHOW(read(3, (void *)16, 4));
	SHOW(write(3, (void *)16, 4));
	SHOW(read(3, (void *)-4096L, 4));
	SHOW(read(3, (void *)0x7fffffffe000, 1L << 62));
	SHOW(read(99, (void *)16, 4));
	SHOW(read(3, NULL, 0));
	say_file("file");
}

CASE(lseek_whence)
{
	write_file("file", "0123456789");
	SHOW(open("file", O_RDWR));
	SHOW(lseek(3, -3, SEEK_END));
	SHOW(lseek(3, -3, SEEK_CUR));
	SHOW(lseek(3, -5, SEEK_CUR));
	SHOW(lseek(3, -1, SEEK_SET));
	SHOW(lseek(3, 0, 17));
	SHOW(lseek(3, INT64_MAX, SEEK_CUR));
	SHOW(lseek(3, 100, SEEK_SET));
	SHOW(read(3, buffer, 1));
	SHOW(lseek(99, 0, SEEK_SET));
}

CASE(lseek_data_and_hole)
{
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	MUST(write(3, "text", 4));
	SHOW(lseek(3, 0, SEEK_DATA));
	SHOW(lseek(3, 0, SEEK_HOLE));
	SHOW(lseek(3, 4, SEEK_DATA));
	SHOW(lseek(3, 4, SEEK_HOLE));
	SHOW(lseek(3, 100, SEEK_HOLE));
	SHOW(lseek(3, -1, SEEK_DATA));
}

CASE(write_beyond_the_end)
{
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	SHOW(lseek(3, 10000, SEEK_SET));
	SHOW(write(3, "end", 3));
	SHOW(lseek(3, 0, SEEK_END));
	SHOW(pread(3, buffer, 5, 9998));
	say_bytes("read", buffer, 5);
	SHOW(pread(3, buffer, 4, 0));
	say_bytes("read", buffer, 4);
}

CASE(write_append)
{
	write_file("file", "first");
	SHOW(open("file", O_RDWR | O_APPEND));
	SHOW(lseek(3, 0, SEEK_SET));
	SHOW(write(3, " second", 7));
	SHOW(lseek(3, 0, SEEK_CUR));
	SHOW(lseek(3, 1, SEEK_SET));
	SHOW(pwrite(3, " third", 6, 0));
	SHOW(lseek(3, 0, SEEK_CUR));
	say_file("file");
}

CASE(append_through_two_descriptions)
{
	int first = (int)MUST(open("file", O_WRONLY | O_APPEND | O_CREAT, 0644));
	int second = (int)MUST(open("file", O_WRONLY | O_APPEND));

	SHOW(write(first, "a", 1));
	SHOW(write(second, "b", 1));
	SHOW(write(first, "c", 1));
	say_file("file");
	SHOW(fcntl(first, F_SETFL, 0));
	SHOW(lseek(first, 0, SEEK_SET));
	SHOW(write(first, "X", 1));
	SHOW(write(second, "d", 1));
	say_file("file");
}

CASE(pread_pwrite)
{
	int ends[2];

	write_file("file", "0123456789");
	SHOW(open("file", O_RDWR));
	SHOW(pread(3, buffer, 4, 3));
	say_bytes("read", buffer, 4);
	SHOW(pwrite(3, "ab", 2, 8));
	SHOW(pwrite(3, "xy", 2, 12));
	SHOW(lseek(3, 0, SEEK_CUR));
	SHOW(pread(3, buffer, 4, 100));
	SHOW(pread(3, buffer, 4, -1));
	SHOW(pwrite(3, buffer, 4, -1));
	MUST(pipe(ends));
	SHOW(pread(ends[0], buffer, 4, 0));
	SHOW(pwrite(ends[1], buffer, 4, 0));
	say_file("file");
}

CASE(truncate_sizes)
{
	struct stat status;

	write_file("file", "0123456789");
	SHOW(truncate("file", 4));
	say_file("file");
	SHOW(truncate("file", 8));
	say_file("file");
	SHOW(truncate("file", -1));
	SHOW(truncate("missing", 1));
	SHOW(truncate("file/", 1));
	SHOW(open("file", O_RDWR));
	SHOW(ftruncate(3, 1L << 33));
	SHOW(fstat(3, &status));
	say("size %ld\n", (long)status.st_size);
	SHOW(ftruncate(3, 2));
	say_file("file");
	SHOW(ftruncate(3, -5));
	SHOW(ftruncate(99, 0));
}

CASE(truncate_clears_what_follows)
{
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	memset(buffer, 'x', sizeof(buffer));
	MUST(write(3, buffer, sizeof(buffer)));
	SHOW(ftruncate(3, 100));
	SHOW(ftruncate(3, 200));
	SHOW(pread(3, buffer, 4, 98));
	say_bytes("read", buffer, 4);
}

CASE(fallocate_modes)
{
	struct stat status;

	write_file("file", "text");
	SHOW(open("file", O_RDWR));
	SHOW(fallocate(3, 0, 0, 100));
	MUST(fstat(3, &status));
	say("size %ld\n", (long)status.st_size);
	SHOW(fallocate(3, 1, 0, 200)); /* FALLOC_FL_KEEP_SIZE */
	MUST(fstat(3, &status));
	say("size %ld\n", (long)status.st_size);
	SHOW(fallocate(3, 0, -1, 10));
	SHOW(fallocate(3, 0, 0, 0));
	SHOW(fallocate(3, 3, 0, 2)); /* FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE */
	SHOW(pread(3, buffer, 4, 0));
	say_bytes("read", buffer, 4);
	SHOW(fallocate(99, 0, 0, 10));
	SHOW(open("file", O_RDONLY));
	SHOW(fallocate(4, 0, 0, 10));
}

CASE(fsync_and_sync)
{
	int ends[2];

	write_file("file", "text");
	SHOW(open("file", O_RDONLY));
	SHOW(fsync(3));
	SHOW(fdatasync(3));
	SHOW(fsync(99));
	MUST(pipe(ends));
	SHOW(fsync(ends[0]));
	sync();
}

CASE(large_writes)
{
	static char block[100000];
	long sum = 0;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7 + i / 256);
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < 5; i++)
		SHOW(write(3, block, sizeof(block)));
	SHOW(lseek(3, 0, SEEK_SET));
	memset(block, 0, sizeof(block));
	while (read(3, block, 7777) > 0)
		for (int i = 0; i < 7777; i++)
			sum = sum * 31 + block[i];
	say("sum %ld\n", sum);
}

CASE(writes_are_seen_by_other_descriptions)
{
	SHOW(open("file", O_RDWR | O_CREAT, 0644));
	SHOW(open("file", O_RDONLY));
	SHOW(read(4, buffer, 10));
	SHOW(write(3, "new", 3));
	SHOW(read(4, buffer, 10));
	SHOW(unlink("file"));
	SHOW(pread(4, buffer, 10, 0));
	SHOW(write(3, "er", 2));
	SHOW(pread(4, buffer, 10, 0));
	say_bytes("read", buffer, 5);
}

CASE(device_files)
{
	struct stat status;

	SHOW(open("/dev/null", O_RDWR));
	SHOW(write(3, "x", 1));
	SHOW(read(3, buffer, 10));
	SHOW(lseek(3, 100, SEEK_SET));
	SHOW(open("/dev/zero", O_RDWR));
	memset(buffer, 'x', 8);
	SHOW(read(4, buffer, 4));
	say_bytes("read", buffer, 8);
	SHOW(write(4, "x", 1));
	SHOW(open("/dev/urandom", O_RDONLY));
	SHOW(read(5, buffer, 100));
	SHOW(stat("/dev/null", &status));
	say("character device %d number %lx\n", S_ISCHR(status.st_mode), (unsigned long)status.st_rdev);
	SHOW(ftruncate(3, 0));
	SHOW(open("/dev/full", O_RDWR));
	SHOW(write(6, "x", 1));
	SHOW(open("/dev/nothing", O_RDONLY));
}
