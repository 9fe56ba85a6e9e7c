/*
 * Workload `crossing`: ticks of one entrance, by number of arguments, bytes copied in and out, and
 * alternating domains; with a direct call and a null system call as references. On an emulator that counts, a
 * tick is an instruction: the value is then the number of instructions from the CALL to the instruction after
 * it, both counted like the CALL and RET of the direct call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/ticks.h"
#include "empty.h"
#include "outer.h"
#include "portcullis/portcullis.h"
#include "twin.h"

#define SAMPLES_MAX 10000
#define TICKS_MAX   1000000000

static int records;
static long samples = 200;
static uint64_t enough; /* ticks between two readings of the TSC; 0: those of one call, whatever they are */
static bool attaches;   /* the way to the first entrance is measured, too */
static double ticks[SAMPLES_MAX];
static char buffer[EMPTY_COPY_MAX];

/*
 * Ticks between two readings of the TSC around one CALL. Reading costs the same with and without the CALL, so
 * that the difference is the call's own. The arguments are in their registers before the first reading.
 */
static uint32_t time_call(void (*function)(void), const long arguments[6])
{
	register long r8 __asm__("r8") = arguments[4];
	register long r9 __asm__("r9") = arguments[5];
	long rdi = arguments[0], rsi = arguments[1];
	uint32_t start, end;

	__asm__ volatile("rdtsc\n\t"
	                 "mov %%eax, %%r12d\n\t"
	                 "mov %[third], %%rdx\n\t"
	                 "mov %[fourth], %%rcx\n\t"
	                 "call *%[function]\n\t"
	                 "rdtsc\n\t"
	                 "mov %%eax, %%r13d\n\t"
	                 "mov %%r12d, %[start]\n\t"
	                 "mov %%r13d, %[end]"
	                 : [start] "=m"(start), [end] "=m"(end), "+D"(rdi), "+S"(rsi), "+r"(r8), "+r"(r9)
	                 : [function] "b"(function), [third] "m"(arguments[2]), [fourth] "m"(arguments[3])
	                 : "rax", "rcx", "rdx", "r10", "r11", "r12", "r13", "memory", "cc");
	return end - start;
}

static uint32_t time_nothing(const long arguments[6])
{
	uint32_t start, end;

	__asm__ volatile("rdtsc\n\t"
	                 "mov %%eax, %%r12d\n\t"
	                 "mov %[third], %%rdx\n\t"
	                 "mov %[fourth], %%rcx\n\t"
	                 "rdtsc\n\t"
	                 "mov %%eax, %%r13d\n\t"
	                 "mov %%r12d, %[start]\n\t"
	                 "mov %%r13d, %[end]"
	                 : [start] "=m"(start), [end] "=m"(end)
	                 : [third] "m"(arguments[2]), [fourth] "m"(arguments[3])
	                 : "rax", "rcx", "rdx", "r12", "r13", "memory");
	return end - start;
}

static __attribute__((naked, noinline)) void direct_call(void)
{
	__asm__("ret");
}

static __attribute__((naked, noinline)) void null_system_call(void)
{
	__asm__("mov %0, %%eax\n\tsyscall\n\tret" : : "i"(SYS_getppid));
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint32_t overhead(void)
{
	static const long arguments[6];
	uint32_t least = UINT32_MAX;

	for (long i = 0; i < samples; i++) {
		uint32_t t = time_nothing(arguments);

		if (t < least)
			least = t;
	}
	return least;
}

/*
 * Ticks of `count` calls in a loop, of a function or of two by turns; without a function those of the loop
 * and the arguments alone. For clocks that are too coarse for one call.
 */
static uint64_t time_loop(void (*function)(void), void (*other)(void), const long arguments[6], long count)
{
	typedef void with_all(long, long, long, long, long, long);
	with_all *first = (with_all *)other, *second = (with_all *)function;
	const long *a = arguments;
	uint64_t start = ticks_now();

	for (long i = 0; i < count; i++) {
		__asm__ volatile("" : "+r"(a) : : "memory");
		if (first)
			first(a[0], a[1], a[2], a[3], a[4], a[5]);
		if (second)
			second(a[0], a[1], a[2], a[3], a[4], a[5]);
		else
			__asm__ volatile(""
			                 :
			                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]));
	}
	return ticks_now() - start;
}

/* Calls whose ticks are at least `enough`: their number is doubled until they are, which warms up, too. */
static long enough_calls(void (*function)(void), void (*other)(void), const long arguments[6])
{
	long count = 1;

	while (time_loop(function, other, arguments, count) < enough)
		count *= 2;
	return count;
}

/* What a case does in one call: from it and the cost of such events, a model computes the cost of the call.
 */
struct events {
	unsigned entrances, system_calls;
};

static void write_record(const char *line, int length)
{
	if (write(records, line, (size_t)length) != length) {
		fprintf(stderr, "crossing: cannot write a record: %s\n", strerror(errno));
		exit(1);
	}
}

static void emit_events(const char *name, const char *unit_of_argument, long argument, unsigned count,
                        const char *metric, const char *unit)
{
	char line[512];

	write_record(
	        line,
	        snprintf(line, sizeof(line),
	                 "{\"schema\":1,\"workload\":\"crossing\",\"args\":{\"case\":\"%s\",\"%s\":%ld},"
	                 "\"backend\":\"%s\",\"metric\":\"%s\",\"unit\":\"%s\",\"value\":%u,\"n\":%ld}\n",
	                 name, unit_of_argument, argument, portcullis_backend(), metric, unit, count,
	                 samples));
}

static void emit(const char *name, const char *unit_of_argument, long argument, struct events events)
{
	char line[512];
	int length;

	qsort(ticks, (size_t)samples, sizeof(ticks[0]), ascending);
	length = snprintf(line, sizeof(line),
	                  "{\"schema\":1,\"workload\":\"crossing\",\"args\":{"
	                  "\"case\":\"%s\",\"%s\":%ld},"
	                  "\"backend\":\"%s\",\"metric\":\"entrance\",\"unit\":\"ticks\",\"value\":%.10g,"
	                  "\"n\":%ld,\"min\":%.10g,\"max\":%.10g,\"subtracted\":\"%s\"}\n",
	                  name, unit_of_argument, argument, portcullis_backend(), ticks[samples / 2], samples,
	                  ticks[0], ticks[samples - 1],
	                  enough ? "the loop around the calls" : "two readings of the TSC");
	write_record(line, length);
	emit_events(name, unit_of_argument, argument, events.entrances, "entrances", "entrances");
	emit_events(name, unit_of_argument, argument, events.system_calls, "system_calls", "system calls");
	printf("%-14s %6ld  %6.10g\n", name, argument, ticks[samples / 2]);
}

/* Fills `ticks` with those of one call, each from a loop. */
static void measure_loops(void (*function)(void), void (*other)(void), const long arguments[6])
{
	long count = enough_calls(function, other, arguments);
	double calls = (double)count * (other ? 2 : 1);

	for (long i = 0; i < samples; i++) {
		uint64_t loop = time_loop(NULL, NULL, arguments, count);

		ticks[i] = ((double)time_loop(function, other, arguments, count) - (double)loop) / calls;
	}
}

/* A case with one function, or with two that take turns. */
static void measure(const char *name, const char *unit, long argument, struct events events,
                    void (*function)(void), void (*other)(void), const long arguments[6])
{
	uint32_t reading = enough ? 0 : overhead();

	if (enough)
		measure_loops(function, other, arguments);
	for (long i = 0; i < samples && !enough; i++) {
		if (other)
			time_call(other, arguments); /* the switch from the other domain is in the next one */
		ticks[i] = time_call(function, arguments) - reading;
	}
	emit(name, unit, argument, events);
}

static const struct events one_entrance = {.entrances = 1};

static void measure_arguments(void)
{
	static const long arguments[6] = {1, 2, 3, 4, 5, 6};
	void (*const functions[])(void) = {
	        empty_0,
	        (void (*)(void))empty_1,
	        (void (*)(void))empty_2,
	        (void (*)(void))empty_3,
	        (void (*)(void))empty_4,
	        (void (*)(void))empty_5,
	        (void (*)(void))empty_6,
	};

	for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		measure("arguments", "count", i, one_entrance, functions[i], NULL, arguments);
}

static void measure_copies(void)
{
	for (long size = 64; size <= EMPTY_COPY_MAX; size *= 4) {
		const long arguments[6] = {(long)buffer, size};

		measure("copy_in", "bytes", size, one_entrance, (void (*)(void))empty_copy_in, NULL,
		        arguments);
		measure("copy_out", "bytes", size, one_entrance, (void (*)(void))empty_copy_out, NULL,
		        arguments);
	}
}

static void attach(const char *name)
{
	if (portcullis_attach(name, PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "crossing: %s\n", portcullis_error());
		exit(1);
	}
}

/* What passes from before the attach until the first entrance has returned. */
static void measure_attach(void)
{
	uint64_t start = ticks_now();
	char line[512];

	attach("empty");
	empty_0();
	start = ticks_now() - start;
	write_record(line,
	             snprintf(line, sizeof(line),
	                      "{\"schema\":1,\"workload\":\"crossing\",\"args\":{\"case\":\"attach\"},"
	                      "\"backend\":\"%s\",\"metric\":\"attach\",\"unit\":\"ticks\",\"value\":%lu,"
	                      "\"n\":1}\n",
	                      portcullis_backend(), start));
}

static _Noreturn void usage(int status)
{
	fprintf(status ? stderr : stdout,
	        "usage: crossing [--samples N] [--ticks N] [--attach]\n\n"
	        "Measures entrances to protected libraries that do nothing; writes records to /dev/records.\n"
	        "  --samples N   calls measured in each case, 1 to %d (default 200)\n"
	        "  --ticks N     a sample is a loop of so many calls that they take N ticks (default: of "
	        "one)\n"
	        "  --attach      the time from attaching to the end of the first entrance, too\n",
	        SAMPLES_MAX);
	exit(status);
}

static long number(const char *option, const char *text, long most)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (*end || value < 1 || value > most) {
		fprintf(stderr, "crossing: %s %s: not a number from 1 to %ld\n", option, text, most);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			usage(0);
		if (!strcmp(argv[i], "--attach")) {
			attaches = true;
			continue;
		}
		if (i + 1 == argc)
			usage(2);
		if (!strcmp(argv[i], "--samples"))
			samples = number(argv[i], argv[i + 1], SAMPLES_MAX);
		else if (!strcmp(argv[i], "--ticks"))
			enough = (uint64_t)number(argv[i], argv[i + 1], TICKS_MAX);
		else
			usage(2);
		i++;
	}
}

int main(int argc, char **argv)
{
	static const long arguments[6];

	parse(argc, argv);
	records = open("/dev/records", O_WRONLY);
	if (records < 0) {
		fprintf(stderr, "crossing: cannot open /dev/records: %s\n", strerror(errno));
		return 1;
	}
	if (attaches)
		measure_attach();
	else
		attach("empty");
	attach("twin");
	attach("outer");
	memset(buffer, 1, sizeof(buffer));
	measure("direct", "count", 0, (struct events){0}, direct_call, NULL, arguments);
	measure("system_call", "count", 0, (struct events){.system_calls = 1}, null_system_call, NULL,
	        arguments);
	measure("empty", "count", 0, one_entrance, empty_0, NULL, arguments);
	measure("alternating", "count", 0, one_entrance, empty_0, twin_0, arguments);
	measure("nested", "count", 0, (struct events){.entrances = 2}, outer_0, NULL, arguments);
	measure_arguments();
	measure_copies();
	return 0;
}
