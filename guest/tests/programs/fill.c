/*
 * fill memory|disk|frames: uses something up, or prints how many bytes are free.
 *
 * memory: touches pages until there are no more, which ends the run. disk: writes a file until it fails,
 * prints the reason, removes the file and writes again. frames: prints the free bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define STEP 65536UL

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "fill: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int fill_memory(void)
{
	for (;;) {
		char *memory = mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			fail("mmap");
		memset(memory, 1, STEP);
	}
}

static int fill_disk(void)
{
	static char data[STEP];
	const char *path = "/tmp/fill";
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	ssize_t size;
	long total = 0;

	if (fd < 0)
		fail(path);
	while ((size = write(fd, data, sizeof(data))) > 0)
		total += size;
	printf("fill: disk: %s\n", strerror(errno));
	fflush(stdout);
	if (errno != ENOSPC || total < (1 << 20))
		fail("write");
	if (lseek(fd, 0, SEEK_END) != total)
		fail("the file's size is not what was written");
	if (ftruncate(fd, 0) < 0 || write(fd, data, sizeof(data)) != sizeof(data))
		fail("write after making room");
	close(fd);
	return unlink(path) < 0 ? 1 : 0;
}

static int print_frames(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		fail("sysinfo");
	printf("fill: free %lu\n", info.freeram * info.mem_unit);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (strcmp(what, "memory") == 0)
		return fill_memory();
	if (strcmp(what, "disk") == 0)
		return fill_disk();
	if (strcmp(what, "frames") == 0)
		return print_frames();
	fprintf(stderr, "fill: usage: fill memory|disk|frames\n");
	return 2;
}
