/*
 * What the guest kernel refuses and Linux does not: memory that is writable and executable, and calls that
 * name addresses beyond the application (kernel window, domain slots, kernel). `boundaries` checks that;
 * `boundaries cost WHAT N` does something N times: fault, map, fork. A line for each case that fails, exit
 * status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE           4096UL
#define RW             (PROT_READ | PROT_WRITE)
#define ANONYMOUS      (MAP_PRIVATE | MAP_ANONYMOUS)
#define SLOT_FIRST     63UL /* the first PML4 slot that is not the application's */
#define SLOT_COUNT     512
#define LOWER_HALF_END (1UL << 47)
#define COST_PAGES     64

static bool failed;

#define EXPECT(call, error)                                                                                  \
	do {                                                                                                 \
		errno = 0;                                                                                   \
		if ((long)(call) != -1 || errno != (error)) {                                                \
			printf("line %d: %s: error %d, not %d\n", __LINE__, #call, errno, error);            \
			failed = true;                                                                       \
		}                                                                                            \
	} while (0)

/* Without the C library, which turns some errors of mmap into others. */
static long map_at(uint64_t address, int prot, int flags)
{
	return syscall(SYS_mmap, address, PAGE, prot, flags, -1, 0);
}

static void check_write_or_execute(void)
{
	char *at = (char *)map_at(0, RW, ANONYMOUS);

	EXPECT(map_at(0, RW | PROT_EXEC, ANONYMOUS), EPERM);
	EXPECT(map_at(0, PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS), EPERM);
	EXPECT(mprotect(at, PAGE, RW | PROT_EXEC), EPERM);
	*at = 1; /* still writable */
}

static void check_address(uint64_t address)
{
	int refused = address < LOWER_HALF_END ? EPERM : ENOMEM; /* there Linux has no memory either */

	EXPECT(map_at(address, RW, ANONYMOUS | MAP_FIXED), refused);
	EXPECT(map_at(address, RW, ANONYMOUS | MAP_FIXED_NOREPLACE), refused);
	EXPECT(syscall(SYS_mprotect, address, PAGE, RW), ENOMEM);
	EXPECT(syscall(SYS_munmap, address, PAGE), EINVAL);
	EXPECT(syscall(SYS_madvise, address, PAGE, MADV_DONTNEED), ENOMEM);
	EXPECT(syscall(SYS_mremap, address, PAGE, PAGE, MREMAP_MAYMOVE, 0), EFAULT);
}

static void check_addresses(void)
{
	int zero = open("/dev/zero", O_RDONLY);
	char *own = (char *)map_at(0, RW, ANONYMOUS);

	EXPECT(map_at(0, RW, ANONYMOUS | MAP_FIXED), EPERM);
	for (uint64_t slot = SLOT_FIRST; slot < SLOT_COUNT; slot++) {
		uint64_t address = (uint64_t)((int64_t)(slot << 55) >> 16); /* canonical */

		check_address(address);
		EXPECT(syscall(SYS_mremap, own, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, address), EINVAL);
		EXPECT(syscall(SYS_read, zero, address, 8), EFAULT);
		EXPECT(syscall(SYS_open, address, O_RDONLY), EFAULT);
		EXPECT(syscall(SYS_clock_gettime, 0, address), EFAULT);
	}
	/* A range that begins in the application and ends beyond. */
	EXPECT(syscall(SYS_mmap, (SLOT_FIRST << 39) - PAGE, 2 * PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0),
	       EPERM);
	EXPECT(syscall(SYS_munmap, (SLOT_FIRST << 39) - PAGE, 2 * PAGE), EINVAL);
	close(zero);
}

/* ---- what something costs
 * ---------------------------------------------------------------------------------- */

static void touch_all(char *pages)
{
	for (size_t i = 0; i < COST_PAGES; i++)
		*(volatile char *)(pages + i * PAGE) = 1;
}

static void cost_fault(void)
{
	char *pages = mmap(NULL, COST_PAGES * PAGE, RW, ANONYMOUS, -1, 0);

	touch_all(pages);
}

static void cost_map(void)
{
	munmap(mmap(NULL, PAGE, RW, ANONYMOUS, -1, 0), PAGE);
}

static void cost_fork(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

static int cost(const char *what, long count)
{
	void (*function)(void) = strcmp(what, "fault") == 0  ? cost_fault
	                         : strcmp(what, "map") == 0  ? cost_map
	                         : strcmp(what, "fork") == 0 ? cost_fork
	                                                     : NULL;

	if (!function) {
		fprintf(stderr, "boundaries: cost: unknown \"%s\"\n", what);
		return 2;
	}
	while (count-- > 0)
		function();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "cost") == 0)
		return cost(argv[2], atol(argv[3]));
	if (argc != 1) {
		fprintf(stderr, "usage: boundaries [cost fault|map|fork COUNT]\n");
		return 2;
	}
	check_write_or_execute();
	check_addresses();
	return failed;
}
