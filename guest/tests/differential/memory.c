/* Mappings, protections, copy-on-write, the program break. */
#include "case.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SUBJECT "memory"
#define RW      (PROT_READ | PROT_WRITE)
#define ANON    (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *at = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		must("mmap", -1);
	return at;
}

static void say_map(const char *what, void *at)
{
	say_ok(what, at == MAP_FAILED ? -1 : 0);
}

/* A file of `size` bytes, each page starting with its letter. */
static int make_file(size_t size)
{
	int fd = must("open", open("file", O_RDWR | O_CREAT | O_TRUNC, 0644));
	char letter = 'a';

	must("ftruncate", ftruncate(fd, size));
	for (size_t at = 0; at < size; at += PAGE, letter++)
		must("pwrite", pwrite(fd, &letter, 1, at));
	return fd;
}

CASE(anonymous_is_zero)
{
	char *at = map(16, RW, ANON, -1);
	int wrong = 0;

	for (size_t i = 0; i < 16 * PAGE; i++)
		wrong += at[i] != 0;
	say("%d bytes not zero\n", wrong);
	memset(at, 7, 16 * PAGE);
	say_result("munmap", munmap(at, 16 * PAGE));
	say("after: %s\n", try_read(at));
	at = map(16, RW, ANON, -1);
	for (size_t i = 0; i < 16 * PAGE; i++)
		wrong += at[i] != 0;
	say("%d bytes not zero\n", wrong);
}

CASE(map_errors)
{
	int fd = make_file(PAGE), reader, writer, directory, pipes[2];
	char *at = map(1, RW, ANON, -1);

	reader = must("open", open("file", O_RDONLY));
	writer = must("open", open("file", O_WRONLY));
	directory = must("open", open(".", O_RDONLY));
	must("pipe", pipe(pipes));
	say_map("no length", mmap(NULL, 0, RW, ANON, -1, 0));
	say_map("neither shared nor private", mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
	say_map("odd offset", (void *)syscall(SYS_mmap, NULL, PAGE, RW, MAP_PRIVATE, fd, 100));
	say_map("odd fixed address", mmap(at + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say_map("bad descriptor", mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0));
	say_map("shared write of a reader", mmap(NULL, PAGE, RW, MAP_SHARED, reader, 0));
	say_map("shared read of a reader", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0));
	say_map("private write of a reader", mmap(NULL, PAGE, RW, MAP_PRIVATE, reader, 0));
	say_map("private read of a writer", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, writer, 0));
	say_map("shared write of a writer", mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, writer, 0));
	say_map("directory", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0));
	say_map("pipe", mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
	say_map("huge", mmap(NULL, 1UL << 47, RW, ANON, -1, 0));
	say_map("wraps", (void *)syscall(SYS_mmap, NULL, ~0UL, RW, ANON, -1, 0));
	say_map("fixed beyond the user's range",
	        mmap((void *)(1UL << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0));
	say_map("not replacing", mmap(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
	say_map("flags without effect",
	        mmap(NULL, PAGE, RW, ANON | MAP_NORESERVE | MAP_STACK | MAP_POPULATE, -1, 0));
	say_result("munmap odd address", munmap(at + 1, PAGE));
	say_result("munmap nothing", munmap(at, 0));
	say_result("munmap of a hole", (munmap(at, PAGE), munmap(at, PAGE)));
	say_result("munmap beyond", munmap((void *)(1UL << 47), PAGE));
}

CASE(fixed_replaces)
{
	char *at = map(3, RW, ANON, -1), *again;

	memset(at, 'x', 3 * PAGE);
	again = mmap(at + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	say("same place: %d, %d %d %d\n", again == at + PAGE, at[0], at[PAGE], at[2 * PAGE]);
	munmap(at, 3 * PAGE);
	again = mmap(at, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
	say("not replacing a hole: %d\n", again == at);
	again = mmap(at + 2 * PAGE, PAGE, RW, ANON, -1, 0);
	say("free hint taken: %d\n", again == at + 2 * PAGE);
	again = mmap(at, PAGE, RW, ANON, -1, 0);
	say("used hint not taken: %d\n", again != at && again != MAP_FAILED);
}

CASE(unmap_pieces)
{
	char *at = map(6, RW, ANON, -1);

	for (int i = 0; i < 6; i++)
		at[i * PAGE] = 'a' + i;
	say_result("middle", munmap(at + 2 * PAGE, 2 * PAGE));
	for (int i = 0; i < 6; i++)
		say("page %d: %s\n", i, try_read(at + i * PAGE));
	say("%c %c %c %c\n", at[0], at[PAGE], at[4 * PAGE], at[5 * PAGE]);
	say_result("over the hole", munmap(at + PAGE, 4 * PAGE));
	for (int i = 0; i < 6; i++)
		say("page %d: %s\n", i, try_read(at + i * PAGE));
	say_result("odd length", munmap(at, 1));
	say("page 0: %s\n", try_read(at));
}

CASE(protections)
{
	static const int prots[] = {PROT_NONE, PROT_READ, RW, PROT_READ | PROT_EXEC, PROT_EXEC, PROT_WRITE};
	unsigned char *at = (unsigned char *)map(1, RW, ANON, -1);

	at[0] = 0xc3; /* ret */
	for (size_t i = 0; i < COUNT(prots); i++) {
		say_result("mprotect", mprotect(at, PAGE, prots[i]));
		say("%d: read %s", prots[i], try_read(at));
		say(", write %s", try_write(at + 1));
		say(", call %s\n", try_call(at));
	}
}

CASE(protect_errors)
{
	char *at = map(3, RW, ANON, -1);

	say_result("odd address", mprotect(at + 1, PAGE, PROT_READ));
	say_result("nothing", mprotect(at, 0, PROT_READ));
	say_result("unknown bits", syscall(SYS_mprotect, at, PAGE, 0x100));
	munmap(at + PAGE, PAGE);
	say_result("over a hole", syscall(SYS_mprotect, at, 3 * PAGE, PROT_READ));
	say("before the hole: %s\n", try_write(at));
	say("after the hole: %s\n", try_write(at + 2 * PAGE));
	say_result("hole alone", mprotect(at + PAGE, PAGE, PROT_READ));
	say_result("wraps", syscall(SYS_mprotect, at, ~0UL - PAGE, PROT_READ));
}

CASE(protect_pieces)
{
	char *at = map(5, RW, ANON, -1);

	memset(at, 'd', 5 * PAGE);
	must("mprotect", mprotect(at + PAGE, 3 * PAGE, PROT_READ));
	must("mprotect", mprotect(at + 2 * PAGE, PAGE, PROT_NONE));
	for (int i = 0; i < 5; i++) {
		say("page %d: %s,", i, try_read(at + i * PAGE));
		say(" %s\n", try_write(at + i * PAGE + 1));
	}
	must("mprotect", mprotect(at, 5 * PAGE, RW));
	for (int i = 0; i < 5; i++)
		say("page %d: %s, %c\n", i, try_write(at + i * PAGE + 1), at[i * PAGE]);
}

CASE(protect_shared_file_of_reader)
{
	int reader;
	char *at;

	make_file(PAGE);
	reader = must("open", open("file", O_RDONLY));
	at = map(1, PROT_READ, MAP_SHARED, reader);
	say_result("write", mprotect(at, PAGE, RW));
	say_result("none", mprotect(at, PAGE, PROT_NONE));
	say_result("read", mprotect(at, PAGE, PROT_READ));
	at = map(1, PROT_READ, MAP_PRIVATE, reader);
	say_result("private write", mprotect(at, PAGE, RW));
}

CASE(kernel_respects_protection)
{
	char *at = map(2, RW, ANON, -1);
	int zero = must("open", open("/dev/zero", O_RDONLY)), pipes[2];

	must("pipe", pipe(pipes));
	must("mprotect", mprotect(at, PAGE, PROT_READ));
	say_result("read into read-only memory", read(zero, at, 10));
	say_result("write from read-only memory", write(pipes[1], at, 10));
	must("mprotect", mprotect(at, PAGE, PROT_NONE));
	say_result("write from no access", write(pipes[1], at, 10));
	say_result("stat into no access", syscall(SYS_stat, ".", at));
	say_result("path in no access", chdir(at));
	say_result("pipe into no access", syscall(SYS_pipe, at));
	say_result("read across", read(zero, at + PAGE, PAGE));
}

static void write_both(void *argument)
{
	char *at = argument;

	say("child sees %c %c\n", at[0], at[PAGE]);
	at[0] = 'C';
	at[PAGE] = 'C';
	say("child wrote %c %c\n", at[0], at[PAGE]);
}

CASE(fork_copies)
{
	char *at = map(2, RW, ANON, -1);

	at[0] = 'p';
	at[PAGE] = 'q';
	in_child("child", write_both, at);
	say("parent has %c %c\n", at[0], at[PAGE]);
	at[0] = 'P';
	in_child("child", write_both, at);
	say("parent has %c %c\n", at[0], at[PAGE]);
}

CASE(fork_shares_shared)
{
	char *at = map(2, RW, MAP_SHARED | MAP_ANONYMOUS, -1);

	at[0] = 'p';
	at[PAGE] = 'q';
	in_child("child", write_both, at);
	say("parent has %c %c\n", at[0], at[PAGE]);
}

static void untouched_shared(void *argument)
{
	memset(argument, 'c', 2 * PAGE);
}

CASE(shared_page_first_touched_by_child)
{
	char *at = map(2, RW, MAP_SHARED | MAP_ANONYMOUS, -1);

	in_child("child", untouched_shared, at);
	say("%c %c\n", at[5], at[PAGE + 5]);
}

static char generations[3 * 4096];

CASE(copies_of_copies)
{
	int status;

	memset(generations, '0', sizeof(generations));
	for (int depth = 1; depth <= 4; depth++) {
		pid_t pid = must("fork", fork());

		if (pid) {
			must("wait", waitpid(pid, &status, 0));
			say("generation %d: %c %c %c, child exited %d\n", depth - 1, generations[0],
			    generations[4096], generations[8192], WEXITSTATUS(status));
			if (depth == 1)
				return;
			_exit(depth);
		}
		generations[depth % 3 * 4096] = '0' + depth;
	}
	say("last: %c %c %c\n", generations[0], generations[4096], generations[8192]);
	_exit(9);
}

static void kernel_writes(void *argument)
{
	int zero = must("open", open("/dev/zero", O_RDONLY));

	say_result("child reads into the page", read(zero, argument, 4));
	say("child has %d\n", *(char *)argument);
}

CASE(kernel_writes_copy_too)
{
	char *at = map(1, RW, ANON, -1);

	strcpy(at, "parent");
	in_child("child", kernel_writes, at);
	say("parent has \"%s\"\n", at);
}

CASE(private_file)
{
	int fd = make_file(2 * PAGE);
	char *at = map(2, RW, MAP_PRIVATE, fd), byte = 0;

	close(fd);
	say("%c %c\n", at[0], at[PAGE]);
	at[0] = 'X';
	fd = must("open", open("file", O_RDWR));
	must("pread", pread(fd, &byte, 1, 0));
	say("file has %c, mapping %c\n", byte, at[0]);
	must("pwrite", pwrite(fd, "Y", 1, 0));
	say("mapping %c\n", at[0]);
	in_child("child", write_both, at);
	say("mapping %c %c\n", at[0], at[PAGE]);
}

CASE(shared_file)
{
	int fd = make_file(2 * PAGE);
	char *at = map(2, RW, MAP_SHARED, fd), *other = map(2, PROT_READ, MAP_SHARED, fd), byte = 0;

	at[0] = 'X';
	must("pread", pread(fd, &byte, 1, 0));
	say("file has %c, other mapping %c\n", byte, other[0]);
	must("pwrite", pwrite(fd, "Y", 1, PAGE));
	say("mappings %c %c\n", at[PAGE], other[PAGE]);
	in_child("child", write_both, at);
	say("mappings %c %c\n", at[0], other[PAGE]);
	say_result("msync", msync(at, 2 * PAGE, MS_SYNC));
	munmap(at, 2 * PAGE);
	must("pread", pread(fd, &byte, 1, PAGE));
	say("file has %c\n", byte);
}

CASE(file_offset)
{
	int fd = make_file(4 * PAGE);
	char *at = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);

	say("%c %c\n", at[0], at[PAGE]);
}

CASE(beyond_the_file)
{
	int fd = make_file(PAGE + 100);
	char *at = map(4, RW, MAP_SHARED, fd);
	int others = 0;

	for (size_t i = 101; i < PAGE; i++)
		others += at[PAGE + i] != 0;
	say("tail: %d bytes not zero\n", others);
	say("page 2: %s,", try_read(at + 2 * PAGE));
	say(" %s\n", try_write(at + 3 * PAGE));
	say_result("kernel reads it",
	           write(must("open", open("out", O_RDWR | O_CREAT, 0644)), at + 2 * PAGE, 1));
	must("ftruncate", ftruncate(fd, 3 * PAGE));
	say("after growing: %s\n", try_read(at + 2 * PAGE));
	must("ftruncate", ftruncate(fd, 0));
	say("after truncation: %s\n", try_read(at));
	must("ftruncate", ftruncate(fd, PAGE));
	say("after growing: %s, %d\n", try_read(at), at[0]);
}

CASE(private_copy_and_truncation)
{
	int fd = make_file(2 * PAGE);
	char *at = map(2, RW, MAP_PRIVATE, fd);

	at[0] = 'X';
	must("ftruncate", ftruncate(fd, 0));
	say("page written before: %s\n", try_read(at));
	say("page not written: %s\n", try_read(at + PAGE));
}

CASE(file_tail_stays_out_of_the_file)
{
	int fd = make_file(100);
	char *at = map(1, RW, MAP_SHARED, fd);
	struct stat status;
	char text[4] = "";

	at[200] = 'x';
	must("fstat", fstat(fd, &status));
	say("size %ld\n", (long)status.st_size);
	say_result("read there", pread(fd, text, 1, 200));
}

CASE(mapping_outlives_file)
{
	int fd = make_file(PAGE);
	char *at = map(1, RW, MAP_SHARED, fd);

	close(fd);
	must("unlink", unlink("file"));
	say("%c %s\n", at[0], try_write(at));
}

CASE(remap)
{
	char *at = map(4, RW, ANON, -1), *to;

	for (int i = 0; i < 4; i++)
		at[i * PAGE] = 'a' + i;
	say("shrink in place: %d\n", mremap(at, 4 * PAGE, 2 * PAGE, 0) == at);
	say("cut off: %s\n", try_read(at + 2 * PAGE));
	say("grow in place: %d\n", mremap(at, 2 * PAGE, 4 * PAGE, 0) == at);
	say("new page: %d\n", at[3 * PAGE]);
	map(1, RW, ANON, -1);
	mmap(at + 4 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	say_map("no room", mremap(at, 4 * PAGE, 8 * PAGE, 0));
	to = mremap(at, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	say("moved: %d, %c %c\n", to != at && to != MAP_FAILED, to[0], to[PAGE]);
	say("old place: %s\n", try_read(at));
	say("last page: %s\n", try_write(to + 7 * PAGE));
}

CASE(remap_fixed)
{
	char *at = map(2, RW, ANON, -1), *to = map(4, RW, ANON, -1), *moved;

	strcpy(at, "content");
	to[PAGE] = 'x';
	moved = mremap(at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE);
	say("moved: %d, \"%s\"\n", moved == to + PAGE, moved);
	say("old place: %s\n", try_read(at));
	say("before: %s\n", try_read(to));
	say_map("overlapping", mremap(to, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE));
	say_map("fixed, not moving", mremap(to, PAGE, PAGE, MREMAP_FIXED, at));
	say_map("odd target", mremap(to, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + 1));
}

CASE(remap_errors)
{
	char *at = map(2, RW, ANON, -1);

	say_map("odd address", mremap(at + 1, PAGE, PAGE, 0));
	say_map("to nothing", mremap(at, PAGE, 0, 0));
	say_map("unknown flag", mremap(at, PAGE, PAGE, 64));
	munmap(at + PAGE, PAGE);
	say_map("over a hole", mremap(at, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE));
	say_map("hole", mremap(at + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	say_map("huge", mremap(at, PAGE, 1UL << 47, MREMAP_MAYMOVE));
}

CASE(remap_shared_file)
{
	int fd = make_file(4 * PAGE);
	char *at = map(2, RW, MAP_SHARED, fd), byte = 0;

	at = mremap(at, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	say("%c %c\n", at[0], at[3 * PAGE]);
	at[3 * PAGE] = 'Z';
	must("pread", pread(fd, &byte, 1, 3 * PAGE));
	say("file has %c\n", byte);
}

CASE(program_break)
{
	char *start = (char *)syscall(SYS_brk, 0), *end = start + 20 * PAGE;
	int wrong = 0;

	say("grow: %d\n", (char *)syscall(SYS_brk, end) == end);
	for (char *at = start; at < end; at++)
		wrong += *at != 0;
	say("%d bytes not zero\n", wrong);
	memset(start, 'b', 20 * PAGE);
	say("shrink: %d\n", (char *)syscall(SYS_brk, start + PAGE) == start + PAGE);
	say("inside: %s\n", try_read(start));
	say("beyond: %s\n", try_read(start + 5 * PAGE));
	say("grow again: %d\n", (char *)syscall(SYS_brk, end) == end);
	say("new memory: %d\n", start[10 * PAGE]);
	say("below the start is refused: %d\n", (char *)syscall(SYS_brk, start - (1 << 24)) == end);
	say("too high is refused: %d\n", (char *)syscall(SYS_brk, (char *)(1UL << 47)) == end);
	say("odd: %d\n", (char *)syscall(SYS_brk, start + 100) == start + 100);
	say("inside: %s\n", try_write(start + 99));
}

CASE(break_meets_mapping)
{
	char *start = (char *)syscall(SYS_brk, 0);
	char *wall = (char *)(((uintptr_t)start + 8 * PAGE) & ~(PAGE - 1));

	mmap(wall, PAGE, RW, ANON | MAP_FIXED, -1, 0);
	say("up to it: %d\n", (char *)syscall(SYS_brk, wall - PAGE) == wall - PAGE);
	say("over it is refused: %d\n", (char *)syscall(SYS_brk, wall + 2 * PAGE) == wall - PAGE);
}

CASE(advice)
{
	char *at = map(3, RW, ANON, -1);
	int fd = make_file(PAGE);
	char *file = map(1, RW, MAP_PRIVATE, fd);

	memset(at, 'x', 3 * PAGE);
	file[0] = 'X';
	say_result("dont need", madvise(at + PAGE, PAGE, MADV_DONTNEED));
	say("%d %d %d\n", at[0], at[PAGE], at[2 * PAGE]);
	say_result("dont need, file", madvise(file, PAGE, MADV_DONTNEED));
	say("%c\n", file[0]);
	say_result("normal", madvise(at, PAGE, MADV_NORMAL));
	say_result("will need", madvise(at, PAGE, MADV_WILLNEED));
	say_result("unknown", madvise(at, PAGE, 12345));
	say_result("odd address", madvise(at + 1, PAGE, MADV_DONTNEED));
	munmap(at + PAGE, PAGE);
	say_result("hole", madvise(at, 3 * PAGE, MADV_DONTNEED));
	say("%d %d\n", at[0], at[2 * PAGE]);
}

CASE(sync_mapping)
{
	char *at = map(2, RW, ANON, -1);

	say_result("sync", msync(at, PAGE, MS_SYNC));
	say_result("async", msync(at, PAGE, MS_ASYNC));
	say_result("both", msync(at, PAGE, MS_SYNC | MS_ASYNC));
	say_result("unknown", msync(at, PAGE, 64));
	say_result("odd address", msync(at + 1, PAGE, MS_SYNC));
	munmap(at + PAGE, PAGE);
	say_result("hole", msync(at, 2 * PAGE, MS_SYNC));
}

CASE(faults_at_odd_places)
{
	say("null: %s,", try_read(NULL));
	say(" %s,", try_write((void *)8));
	say(" %s\n", try_call(NULL));
	say("top of the kernel: %s\n", try_read((void *)~7UL));
	say("kernel half: %s\n", try_read((void *)0xffff800000000000UL));
	say("not canonical: %s\n", try_read((void *)0x8000000000000000UL));
	say("program text: %s\n", try_write((void *)(uintptr_t)&try_read));
	say("constant: %s\n", try_write((void *)(uintptr_t)SUBJECT));
}

CASE(stack_grows)
{
	volatile char room[1024 * 1024];

	for (size_t i = 0; i < sizeof(room); i += PAGE)
		room[i] = 1;
	room[0] = 2;
	say("%d\n", room[0] + room[512 * 1024]);
}

CASE(code_written_then_executed)
{
	static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
	char *at = map(1, RW, ANON, -1);

	memcpy(at, code, sizeof(code));
	say_result("mprotect", mprotect(at, PAGE, PROT_READ | PROT_EXEC));
	say("%d\n", ((int (*)(void))(uintptr_t)at)());
	say_result("mprotect", mprotect(at, PAGE, RW));
	at[1] = 43;
	say_result("mprotect", mprotect(at, PAGE, PROT_READ | PROT_EXEC));
	say("%d\n", ((int (*)(void))(uintptr_t)at)());
}

CASE(many_mappings)
{
	char *at[200];
	int wrong = 0;

	for (size_t i = 0; i < COUNT(at); i++) {
		at[i] = map(2, RW, ANON, -1);
		at[i][PAGE] = i;
		must("mprotect", mprotect(at[i], PAGE, PROT_READ));
	}
	for (size_t i = 0; i < COUNT(at); i++)
		wrong += at[i][PAGE] != (char)i || at[i][0] != 0;
	say("%d wrong\n", wrong);
	for (size_t i = 0; i < COUNT(at); i += 2)
		must("munmap", munmap(at[i], 2 * PAGE));
	for (size_t i = 1; i < COUNT(at); i += 2)
		wrong += at[i][PAGE] != (char)i;
	say("%d wrong\n", wrong);
}
