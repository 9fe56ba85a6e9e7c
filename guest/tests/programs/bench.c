/*
 * bench: the cost of kernel operations in ticks, as records: for each the median and the least of many.
 *
 * Each sample is the time of one operation between two readings of the TSC, less the median of two readings
 * with nothing between them. What is measured is stated at each row.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAMPLES_MAX 2000
#define PAGE        4096UL

struct row {
	const char *metric;
	int samples;
	int divisor; /* operations in a sample */
	void (*prepare)(void);
	void (*operation)(void);
	void (*finish)(void);
};

static const char *self;
static uint64_t samples[SAMPLES_MAX];
static FILE *records;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static void nothing(void)
{
}

/* ---- a system call that does nothing: entry, dispatch, exit
 * --------------------------------------------------- */

static void null_call(void)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_getppid) : "rcx", "r11", "memory");
}

/* ---- two threads that yield to each other: a sample is there and back, two switches
 * --------------------------- */

static pthread_t partner;
static volatile int partner_runs;

static void *yield_for_ever(void *argument)
{
	(void)argument;
	while (partner_runs)
		syscall(SYS_sched_yield);
	return NULL;
}

static void start_yielding(void)
{
	partner_runs = 1;
	if ((errno = pthread_create(&partner, NULL, yield_for_ever, NULL)))
		fail("pthread_create");
	syscall(SYS_sched_yield);
}

static void yield(void)
{
	syscall(SYS_sched_yield);
}

static void stop_yielding(void)
{
	partner_runs = 0;
	pthread_join(partner, NULL);
}

/* ---- a byte to a thread and back over pipes: two writes, two reads, two switches
 * ------------------------------ */

static int there[2], back[2];

static void *echo(void *argument)
{
	char byte;

	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
		;
	return argument;
}

static void start_echo(void)
{
	if (pipe(there) < 0 || pipe(back) < 0)
		fail("pipe");
	if ((errno = pthread_create(&partner, NULL, echo, NULL)))
		fail("pthread_create");
}

static void ping(void)
{
	char byte = 'x';

	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		fail("ping");
}

static void stop_echo(void)
{
	close(there[1]);
	pthread_join(partner, NULL);
	close(there[0]);
	close(back[0]);
	close(back[1]);
}

/* ---- the first write to a page of anonymous memory
 * ------------------------------------------------------------ */

static char *memory, *next_page;

static void map_memory(void)
{
	memory = mmap(NULL, SAMPLES_MAX * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		fail("mmap");
	next_page = memory;
}

static void touch_page(void)
{
	*(char volatile *)next_page = 1;
	next_page += PAGE;
}

static void unmap_memory(void)
{
	munmap(memory, SAMPLES_MAX * PAGE);
}

/* ---- a process: forked, ended, waited for; and one that executes a program as well
 * ---------------------------- */

static void fork_and_wait(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail("child");
}

static void execute_and_wait(void)
{
	char *arguments[] = {(char *)(uintptr_t)self, "leave", NULL}, *environment[] = {NULL};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(self, arguments, environment);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail("child");
}

static const struct row rows[] = {
        {"null_call", 1000, 1, nothing, null_call, nothing},
        {"switch_yield", 1000, 2, start_yielding, yield, stop_yielding},
        {"switch_pipe", 500, 2, start_echo, ping, stop_echo},
        {"minor_fault", 1000, 1, map_memory, touch_page, unmap_memory},
        {"fork_exit_wait", 100, 1, nothing, fork_and_wait, nothing},
        {"fork_exec_exit_wait", 50, 1, nothing, execute_and_wait, nothing},
};

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* Fills samples[] with sorted times; the first quarter of the rounds warms up and is not kept. */
static void measure(const struct row *row)
{
	row->prepare();
	for (int i = -row->samples / 4; i < row->samples; i++) {
		uint64_t start = ticks(), end;

		row->operation();
		end = ticks();
		if (i >= 0)
			samples[i] = end - start;
	}
	row->finish();
	qsort(samples, row->samples, sizeof(samples[0]), compare);
}

int main(int argc, char **argv)
{
	static const struct row empty = {"empty", 1000, 1, nothing, nothing, nothing};
	uint64_t overhead;

	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "leave") == 0)
		return 0;
	records = fopen("/dev/records", "w");
	if (!records)
		fail("/dev/records");
	setvbuf(records, NULL, _IOLBF, BUFSIZ);
	measure(&empty);
	overhead = samples[empty.samples / 2];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		measure(row);
		fprintf(records,
		        "{\"schema\":1,\"workload\":\"bench\",\"metric\":\"%s\",\"unit\":\"ticks\",\"value\":"
		        "%llu,\"n\":%d,"
		        "\"least\":%llu,\"subtracted\":\"two readings of the TSC: %llu\"}\n",
		        row->metric,
		        (unsigned long long)(samples[row->samples / 2] - overhead) / row->divisor,
		        row->samples, (unsigned long long)(samples[0] - overhead) / row->divisor,
		        (unsigned long long)overhead);
	}
	return fclose(records) ? 1 : 0;
}
