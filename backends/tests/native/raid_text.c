/* Code that writes PKRU, in all places that memory allows. */
#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "raid.h"

#define PAGE 4096

/*
 * long theft(long *address, void *area): rights up, load, rights down. `up` is where the instruction that
 * raises them goes: WRPKRU of 0, or XRSTOR of the area in RSI with PKRU alone in the mask.
 */
static const uint8_t prepare_wrpkru[] = {0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0}; /* xor %ecx, %ecx; %edx; %eax */
static const uint8_t wrpkru[] = {0x0f, 0x01, 0xef};
static const uint8_t prepare_xrstor[] = {0x31, 0xd2, 0xb8, 0x00,
                                         0x02, 0x00, 0x00}; /* xor %edx, %edx; mov $512, %eax */
static const uint8_t xrstor[] = {0x0f, 0xae, 0x2e};         /* xrstor (%rsi) */
static const uint8_t load[] = {0x48, 0x8b, 0x07, 0xc3};     /* mov (%rdi), %rax; ret */

typedef long (*theft)(long *address, const void *area);

static uint8_t *pages(unsigned count)
{
	void *memory = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(3);
	return memory;
}

static uint8_t *append(uint8_t *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

/* The theft with WRPKRU's first byte at `at`; `between` comes in front of it. */
static theft write_theft(uint8_t *at, const void *between, size_t size)
{
	uint8_t *start = at - size - sizeof(prepare_wrpkru);

	append(append(start, prepare_wrpkru, sizeof(prepare_wrpkru)), between, size);
	append(append(at, wrpkru, sizeof(wrpkru)), load, sizeof(load));
	return (theft)(void *)start;
}

static bool steal(theft code)
{
	return code(raid_address, NULL) == raid_secret;
}

static bool executable(void *start, size_t size)
{
	return mprotect(start, size, PROT_READ | PROT_EXEC) == 0;
}

static bool simple(unsigned offset, const void *between, size_t size)
{
	uint8_t *page = pages(1);
	theft code = write_theft(page + offset, between, size);

	return executable(page, PAGE) && steal(code);
}

static bool aligned(void)
{
	return simple(64, NULL, 0);
}

static bool unaligned(void)
{
	return simple(67, NULL, 0);
}

/* mov $..., %r8d: the load behind it is reached by a jump into its operand, which is WRPKRU and a NOP. */
static bool immediate(void)
{
	static const uint8_t over[] = {0xeb, 0x02, 0x41, 0xb8}; /* jmp to the operand */

	return simple(64, over, sizeof(over));
}

static bool prefixed(void)
{
	static const uint8_t prefix[] = {0x3e};

	return simple(64, prefix, sizeof(prefix));
}

static bool two_pages(void)
{
	uint8_t *two = pages(2);
	theft code = write_theft(two + PAGE - 1, NULL, 0);

	return executable(two, PAGE) && executable(two + PAGE, PAGE) && steal(code);
}

static bool two_pages_backwards(void)
{
	uint8_t *two = pages(2);
	theft code = write_theft(two + PAGE - 2, NULL, 0);

	return executable(two + PAGE, PAGE) && executable(two, PAGE) && steal(code);
}

/* Each half is harmless where it becomes executable. */
static bool moved(void)
{
	uint8_t *two = pages(2), *away = pages(1), *back;
	theft code = write_theft(two + PAGE - 1, NULL, 0);

	memcpy(away, two + PAGE, PAGE);
	if (!executable(two, PAGE) || !executable(away, PAGE))
		return false;
	back = mremap(away, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, two + PAGE);
	return back != MAP_FAILED && steal(code);
}

static bool rewritten(void)
{
	uint8_t *page = pages(1);
	theft code;

	memset(page, 0xc3, PAGE);
	if (!executable(page, PAGE) || mprotect(page, PAGE, PROT_READ | PROT_WRITE))
		return false;
	code = write_theft(page + 64, NULL, 0);
	return executable(page, PAGE) && steal(code);
}

static bool file_twice(void)
{
	int file = open("/tmp/raid", O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint8_t *writable, *text;

	if (file < 0 || ftruncate(file, PAGE))
		return false;
	writable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	memset(writable, 0xc3, PAGE);
	text = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
	if (text == MAP_FAILED)
		return false;
	write_theft(writable + 64, NULL, 0);
	return steal((theft)(void *)(text + 64 - sizeof(prepare_wrpkru)));
}

/* An mremap() of size 0 maps shared memory a second time. */
static bool shared_memory(void)
{
	uint8_t *one = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *other = mremap(one, 0, PAGE, MREMAP_MAYMOVE);

	if (other == MAP_FAILED)
		return false;
	memset(one, 0xc3, PAGE);
	if (!executable(other, PAGE))
		return false;
	write_theft(one + 64, NULL, 0);
	return steal((theft)(void *)(other + 64 - sizeof(prepare_wrpkru)));
}

static bool writable_and_executable(void)
{
	uint8_t *page =
	        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page != MAP_FAILED && steal(write_theft(page + 64, NULL, 0));
}

/* More than there are watchpoints. */
static bool many(void)
{
	uint8_t *page = pages(1);
	theft last = NULL;

	for (unsigned i = 1; i <= 6; i++)
		last = write_theft(page + 64 * i, NULL, 0);
	return executable(page, PAGE) && steal(last);
}

static volatile bool stop;

static void *spin(void *unused)
{
	while (!stop)
		sched_yield();
	return unused;
}

/* A thread that has been there before the code. */
static bool beside_thread(void)
{
	pthread_t thread;
	bool gained;

	if (pthread_create(&thread, NULL, spin, NULL))
		exit(3);
	gained = aligned();
	stop = true;
	pthread_join(thread, NULL);
	return gained;
}

static theft for_thread;
static bool thread_gained;

static void *steal_there(void *unused)
{
	thread_gained = steal(for_thread);
	return unused;
}

static bool later_thread(void)
{
	uint8_t *page = pages(1);
	pthread_t thread;

	for_thread = write_theft(page + 64, NULL, 0);
	if (!executable(page, PAGE) || pthread_create(&thread, NULL, steal_there, NULL))
		return false;
	pthread_join(thread, NULL);
	return thread_gained;
}

static bool forked(void)
{
	uint8_t *page = pages(1);
	theft code = write_theft(page + 64, NULL, 0);
	int status;

	if (!executable(page, PAGE))
		return false;
	if (fork() == 0)
		_exit(steal(code) ? 7 : 0);
	wait(&status);
	return WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static bool by_xrstor(void)
{
	static uint8_t area[8192] __attribute__((aligned(64)));
	uint8_t *page = pages(1), *at = append(page, prepare_xrstor, sizeof(prepare_xrstor));

	append(append(at, xrstor, sizeof(xrstor)), load, sizeof(load));
	memset(area, 0, sizeof(area)); /* PKRU in its initial state: 0 */
	return executable(page, PAGE) && ((theft)(void *)page)(raid_address, area) == raid_secret;
}

/* IRETQ sets RF, with which an instruction does not meet its execute breakpoint. */
static bool resume_flag(void)
{
	uint8_t *page = pages(1);
	theft code = write_theft(page + 64, NULL, 0);
	long found;

	if (!executable(page, PAGE))
		return false;
	__asm__ volatile("mov %%rsp, %%r9\n\t"
	                 "mov %%ss, %%ecx\n\t"
	                 "lea 1f(%%rip), %%rdx\n\t"
	                 "push %%rdx\n\t" /* where the theft returns to */
	                 "mov %%rsp, %%rdx\n\t"
	                 "push %%rcx\n\t"
	                 "push %%rdx\n\t"
	                 "pushfq\n\t"
	                 "orl $0x10000, (%%rsp)\n\t"
	                 "mov %%cs, %%ecx\n\t"
	                 "push %%rcx\n\t"
	                 "push %[wrpkru]\n\t"
	                 "xor %%ecx, %%ecx\n\t"
	                 "xor %%edx, %%edx\n\t"
	                 "xor %%eax, %%eax\n\t"
	                 "iretq\n"
	                 "1:\tmov %%r9, %%rsp"
	                 : "=&a"(found)
	                 : [wrpkru] "r"((uint8_t *)code + sizeof(prepare_wrpkru)), "D"(raid_address)
	                 : "rcx", "rdx", "r9", "memory", "cc");
	return found == raid_secret;
}

const struct raid_case raid_text[] = {
        {"aligned", aligned},
        {"unaligned", unaligned},
        {"immediate", immediate},
        {"prefixed", prefixed},
        {"two-pages", two_pages},
        {"two-pages-backwards", two_pages_backwards},
        {"moved", moved},
        {"rewritten", rewritten},
        {"file-twice", file_twice},
        {"shared-memory", shared_memory},
        {"writable", writable_and_executable},
        {"many", many},
        {"beside-thread", beside_thread},
        {"later-thread", later_thread},
        {"forked", forked},
        {"xrstor", by_xrstor},
        {"resume-flag", resume_flag},
        {0},
};
