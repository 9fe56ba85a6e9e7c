/* Events that the kernel takes part in: system calls, faults, signals, switches. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calibrate/probe.h"

/* Of <linux/futex.h>, which this C library does not bring. */
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

#define PAGE       4096L
#define PAGES_MOST 1024 /* 4 MiB, which a small guest has */

static const char *always(void)
{
	return NULL;
}

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c)
	                 : "rcx", "r11", "memory");
	return result;
}

static uint64_t run_system_calls(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		call(SYS_getppid, 0, 0, 0);
	return probe_ticks() - start;
}

/* ---- memory --------------------------------------------------------------------------------- */

static char *page;

static const char *need_page(void)
{
	page = mmap(NULL, (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return "there is no memory for a page";
	page[0] = 1;
	return NULL;
}

/* Takes the right to write and gives it back, by turns. */
static uint64_t run_mprotect(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		call(SYS_mprotect, (long)page, PAGE, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ);
	return probe_ticks() - start;
}

/* The first store to pages that are mapped, one by one. */
static uint64_t run_page_faults(long count)
{
	char *area = mmap(NULL, (size_t)(count * PAGE), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                  -1, 0);
	uint64_t start, ticks;

	if (area == MAP_FAILED)
		abort();
	madvise(area, (size_t)(count * PAGE), MADV_NOHUGEPAGE);
	start = probe_ticks();
	for (long i = 0; i < count; i++)
		((volatile char *)area)[i * PAGE] = 1;
	ticks = probe_ticks() - start;
	munmap(area, (size_t)(count * PAGE));
	return ticks;
}

/* ---- signals -------------------------------------------------------------------------------- */

static void handle(int number)
{
	(void)number;
}

static const char *need_handler(void)
{
	struct sigaction action = {.sa_handler = handle};

	return sigaction(SIGUSR1, &action, NULL) ? "a handler cannot be installed" : NULL;
}

/* From the system call that sends it to its return: delivery, the handler, and the way back. */
static uint64_t run_signals(long count)
{
	long process = getpid(), thread = call(SYS_gettid, 0, 0, 0);
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		call(SYS_tgkill, process, thread, SIGUSR1);
	return probe_ticks() - start;
}

/* ---- switches ------------------------------------------------------------------------------- */

/* Two threads on one CPU wake each other by turns: it is the thread's turn whose parity `turn` has. */
static int turn;
static long turns;

static void take_turns(int own)
{
	for (long i = 0; i < turns; i++) {
		int seen;

		while ((seen = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != own)
			syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
		__atomic_store_n(&turn, seen + 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void *answer(void *argument)
{
	take_turns(1);
	return argument;
}

static uint64_t run_switches(long count)
{
	pthread_t thread;
	uint64_t start;

	turn = 0;
	turns = count / 2;
	if (pthread_create(&thread, NULL, answer, NULL))
		abort();
	start = probe_ticks();
	take_turns(0);
	pthread_join(thread, NULL);
	return probe_ticks() - start;
}

const struct probe kernel_probes[] = {
        {"syscall", always, run_system_calls, 0},
        {"mprotect", need_page, run_mprotect, 0},
        {"page_fault", always, run_page_faults, PAGES_MOST},
        {"signal", need_handler, run_signals, 0},
        {"context_switch", always, run_switches, 0},
        {0},
};
