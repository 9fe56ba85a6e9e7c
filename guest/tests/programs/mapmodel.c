/*
 * mapmodel SEED ROUNDS: random mmap, munmap, mprotect, mremap, madvise, stores and forks on a region, checked
 * after every step against a model of what each page is: mapped or not, its rights, and its contents.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE  4096UL
#define PAGES 48
#define BASE  ((unsigned char *)0x100000000000)

struct page {
	bool mapped, shared;
	int prot;
	unsigned char value; /* of every byte */
};

static struct page model[PAGES];
static uint64_t seed, state;
static long step;
static int probe[2]; /* a pipe: the kernel copies from and to the pages */

static uint32_t random_number(uint32_t limit)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (uint32_t)(state >> 33) % limit;
}

static _Noreturn void fail(const char *what, unsigned page)
{
	fprintf(stderr, "mapmodel: seed %llu step %ld page %u: %s (errno %d)\n", (unsigned long long)seed,
	        step, page, what, errno);
	exit(1);
}

static unsigned char *address(unsigned page)
{
	return BASE + page * PAGE;
}

/* Compares a page with the model, by loads and by system calls, which must agree. */
static void check_page(unsigned number)
{
	struct page *page = &model[number];
	unsigned char *at = address(number), byte = page->value;
	size_t place = random_number(PAGE);
	bool readable = page->mapped && page->prot, writable = page->mapped && (page->prot & PROT_WRITE);

	if (readable && (at[0] != page->value || at[place] != page->value || at[PAGE - 1] != page->value))
		fail("wrong contents", number);
	errno = 0;
	if (write(probe[1], at + place, 1) != (readable ? 1 : -1) || (!readable && errno != EFAULT))
		fail(readable ? "the kernel cannot read it" : "the kernel reads what the program may not",
		     number);
	if (!readable && write(probe[1], &byte, 1) != 1)
		fail("pipe", number);
	errno = 0;
	if (read(probe[0], at + place, 1) != (writable ? 1 : -1) || (!writable && errno != EFAULT))
		fail(writable ? "the kernel cannot write it" : "the kernel writes what the program may not",
		     number);
	if (!writable && read(probe[0], &byte, 1) != 1)
		fail("pipe", number);
	if (byte != page->value)
		fail("the kernel read something else", number);
}

static void check_all(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		check_page(i);
}

static int random_prot(void)
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};

	return prots[random_number(4)];
}

static void map(unsigned first, unsigned count)
{
	bool shared = random_number(3) == 0;
	int prot = random_prot();

	if (mmap(address(first), count * PAGE, prot,
	         (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != address(first))
		fail("mmap", first);
	for (unsigned i = first; i < first + count; i++)
		model[i] = (struct page){true, shared, prot, 0};
}

static void unmap(unsigned first, unsigned count)
{
	if (munmap(address(first), count * PAGE) < 0)
		fail("munmap", first);
	memset(&model[first], 0, count * sizeof(model[0]));
}

static bool all_mapped(unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		if (!model[i].mapped)
			return false;
	return true;
}

/* Pages before a hole change even when the call fails at the hole. */
static void protect(unsigned first, unsigned count)
{
	int prot = random_prot(), result = mprotect(address(first), count * PAGE, prot);

	if (result != (all_mapped(first, count) ? 0 : -1) || (result < 0 && errno != ENOMEM))
		fail("mprotect", first);
	for (unsigned i = first; i < first + count && model[i].mapped; i++)
		model[i].prot = prot;
}

static void discard(unsigned first, unsigned count)
{
	if (!all_mapped(first, count))
		return;
	if (madvise(address(first), count * PAGE, MADV_DONTNEED) < 0)
		fail("madvise", first);
	for (unsigned i = first; i < first + count; i++)
		if (!model[i].shared)
			model[i].value = 0;
}

static void store(unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++) {
		if (!model[i].mapped || !(model[i].prot & PROT_WRITE))
			continue;
		model[i].value = 1 + random_number(255);
		memset(address(i), model[i].value, PAGE);
	}
}

/* Moves one page: always within one mapping, whatever lies around it. */
static void move(unsigned from, unsigned to)
{
	if (!model[from].mapped || from == to)
		return;
	if (mremap(address(from), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, address(to)) != address(to))
		fail("mremap", from);
	model[to] = model[from];
	memset(&model[from], 0, sizeof(model[from]));
}

/*
 * The child sees the same, stores everywhere, and changes mappings of its own. The parent then has what it
 * had, but for the stores to shared pages.
 */
static void fork_and_store(void)
{
	unsigned char value = 1 + random_number(255);
	int status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork", 0);
	for (unsigned i = 0; i < PAGES; i++) {
		if (!model[i].mapped || !(model[i].prot & PROT_WRITE) || (pid && !model[i].shared))
			continue;
		if (pid == 0)
			check_page(i);
		model[i].value = value;
		if (pid == 0)
			memset(address(i), value, PAGE);
	}
	if (pid == 0) {
		check_all();
		unmap(0, PAGES / 2);
		protect(PAGES / 2, 1);
		check_all();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("child", 0);
}

static void take_step(void)
{
	unsigned first = random_number(PAGES), count = 1 + random_number(8);

	if (count > PAGES - first)
		count = PAGES - first;
	switch (random_number(12)) {
	case 0:
	case 1:
	case 2:
		map(first, count);
		break;
	case 3:
		unmap(first, count);
		break;
	case 4:
	case 5:
		protect(first, count);
		break;
	case 6:
		discard(first, count);
		break;
	case 7:
		move(first, random_number(PAGES));
		break;
	case 8:
		fork_and_store();
		break;
	default:
		store(first, count);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "mapmodel: usage: mapmodel SEED ROUNDS\n");
		return 2;
	}
	seed = state = strtoull(argv[1], NULL, 0);
	printf("mapmodel: seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	if (pipe(probe) < 0)
		fail("pipe", 0);
	for (step = 0; step < atol(argv[2]); step++) {
		take_step();
		check_all();
	}
	return 0;
}
