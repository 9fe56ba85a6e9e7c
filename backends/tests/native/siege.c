/*
 * siege ATTACK: tries to get at the number that the library keeper keeps, or to change it. Prints "gained" or
 * "refused", and whether the library still works.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "keeper.h"
#include "portcullis/portcullis.h"

#define SECRET 0x5ec2e7
#define PAGE   4096

static sigjmp_buf escape;
static long *address;
static int inside, stop;

static void fault(int number)
{
	siglongjmp(escape, number);
}

static bool load(void)
{
	return *(volatile long *)address == SECRET;
}

static bool store(void)
{
	*(volatile long *)address = 0;
	return true;
}

static bool write_call(void)
{
	int ends[2];
	long seen = 0;

	return pipe(ends) == 0 && write(ends[1], address, sizeof(*address)) == sizeof(*address) &&
	       read(ends[0], &seen, sizeof(seen)) == sizeof(seen) && seen == SECRET;
}

static bool read_call(void)
{
	int zero = open("/dev/zero", O_RDONLY);

	return read(zero, address, sizeof(*address)) == sizeof(*address);
}

static bool vm_read(void)
{
	long seen = 0;
	struct iovec to = {&seen, sizeof(seen)}, from = {address, sizeof(seen)};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(seen) && seen == SECRET;
}

static void *page(void)
{
	return (void *)((uintptr_t)address & -(uintptr_t)PAGE);
}

static bool protect(void)
{
	return mprotect(page(), PAGE, PROT_READ | PROT_WRITE) == 0 && load();
}

static bool unmap(void)
{
	return munmap(page(), PAGE) == 0;
}

static bool map_over(void)
{
	return mmap(page(), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	       MAP_FAILED;
}

static bool move_away(void)
{
	char *moved = mremap(page(), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
	                     mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	return moved != MAP_FAILED;
}

static bool move_onto(void)
{
	void *own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mremap(own, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page()) != MAP_FAILED;
}

static bool advise(void)
{
	return madvise(page(), PAGE, MADV_DONTNEED) == 0;
}

static bool unmap_all(void)
{
	return munmap((void *)0x100000000000, 0x200000000000) == 0;
}

static void *stay(void *unused)
{
	(void)unused;
	keeper_stay(&inside, &stop);
	return NULL;
}

/* While another thread is inside. */
static bool load_beside(void)
{
	pthread_t thread;
	bool gained;

	if (pthread_create(&thread, NULL, stay, NULL))
		return false;
	while (!*(volatile int *)&inside)
		sched_yield();
	gained = load();
	stop = 1;
	pthread_join(thread, NULL);
	return gained;
}

static const struct {
	const char *name;
	bool (*attack)(void);
} attacks[] = {
        {"load", load},
        {"store", store},
        {"write-call", write_call},
        {"read-call", read_call},
        {"vm-read", vm_read},
        {"protect", protect},
        {"unmap", unmap},
        {"map-over", map_over},
        {"move-away", move_away},
        {"move-onto", move_onto},
        {"advise", advise},
        {"unmap-all", unmap_all},
        {"load-beside", load_beside},
};

int main(int argc, char **argv)
{
	volatile bool gained = false;

	if (argc != 2 || portcullis_attach("keeper", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "siege: %s\n", argc == 2 ? portcullis_error() : "usage: siege ATTACK");
		return 2;
	}
	keeper_put(SECRET);
	address = keeper_address();
	signal(SIGSEGV, fault);
	signal(SIGBUS, fault);
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (!strcmp(argv[1], attacks[i].name) && !sigsetjmp(escape, 1))
			gained = attacks[i].attack();
	printf("siege: %s on %s: %s\n", argv[1], portcullis_backend(), gained ? "gained" : "refused");
	fflush(stdout);
	if (!gained && keeper_get() != SECRET) {
		printf("siege: %s on %s: the number is gone\n", argv[1], portcullis_backend());
		return 1;
	}
	return 0;
}
