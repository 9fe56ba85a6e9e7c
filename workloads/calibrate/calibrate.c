/*
 * What events cost on this machine. Runs on Linux itself and in the guest; `portcullis calibrate` starts it
 * and makes a cost profile of its records, which go to /dev/records, or to standard output where there is
 * none.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calibrate/probe.h"
#include "portcullis/portcullis.h"

#define ROUNDS_DEFAULT 15
#define ROUNDS_MAX     1000
#define TICKS_DEFAULT  500000 /* of one measurement: 0.2 ms */
#define COUNT_MAX      (1L << 40)
#define CLOCK_NANOS    4000000

static const struct probe *const tables[] = {instruction_probes, kernel_probes};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static int records;
static long rounds = ROUNDS_DEFAULT, ticks_least = TICKS_DEFAULT;
static const char *only = "";

static __attribute__((format(printf, 1, 2))) void record(const char *format, ...)
{
	char line[512];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	if (write(records, line, (size_t)length) == length)
		return;
	fprintf(stderr, "calibrate: cannot write a record: %s\n", strerror(errno));
	exit(1);
}

static void record_value(const char *metric, const char *unit, double value, long n, long round)
{
	record("{\"schema\":1,\"workload\":\"calibrate\",\"backend\":\"%s\",\"args\":{\"round\":%ld},"
	       "\"metric\":\"%s\","
	       "\"unit\":\"%s\",\"value\":%.10g,\"n\":%ld}\n",
	       portcullis_backend(), round, metric, unit, value, n);
}

/* Told by n = 0. */
static void record_absence(const char *metric, const char *reason)
{
	record("{\"schema\":1,\"workload\":\"calibrate\",\"backend\":\"%s\",\"metric\":\"%s\",\"unit\":"
	       "\"ticks\",\"value\":0,"
	       "\"n\":0,\"reason\":\"%s\"}\n",
	       portcullis_backend(), metric, reason);
}

/* ---- the counter's rate --------------------------------------------------------------------- */

static uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static double tsc_rate(void)
{
	uint64_t start = nanoseconds(), ticks = probe_ticks(), now;

	do
		now = nanoseconds();
	while (now - start < CLOCK_NANOS);
	return (double)(probe_ticks() - ticks) * 1e9 / (double)(now - start);
}

/* ---- rounds --------------------------------------------------------------------------------- */

/* So many events that a measurement is long enough to trust; the trials warm everything up. */
static long choose_count(const struct probe *probe)
{
	long count = PROBE_UNROLLED;

	while (probe->run(count) < (uint64_t)ticks_least && count < COUNT_MAX &&
	       (!probe->most || 2 * count <= probe->most))
		count *= 2;
	return count;
}

/* Is it in --only, a list by commas? Without, all are wanted. */
static bool is_wanted(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = only; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
		if (strcspn(at, ",") == length && !memcmp(at, name, length))
			return true;
	return !*only;
}

/* Each round measures every event once, so that what changes with time changes all alike. */
static void measure(void)
{
	const struct probe *wanted[32];
	long counts[32];
	unsigned number = 0;

	for (unsigned t = 0; t < TABLES; t++) {
		for (const struct probe *probe = tables[t]; probe->name; probe++) {
			const char *reason;

			if (!is_wanted(probe->name))
				continue;
			reason = probe->prepare();
			if (reason) {
				record_absence(probe->name, reason);
				continue;
			}
			counts[number] = choose_count(probe);
			wanted[number++] = probe;
		}
	}
	for (long round = 0; round < rounds; round++) {
		record_value("tsc_rate", "Hz", tsc_rate(), 1, round);
		for (unsigned i = 0; i < number; i++)
			record_value(wanted[i]->name, "ticks",
			             (double)wanted[i]->run(counts[i]) / (double)counts[i], counts[i], round);
	}
}

/* ---- the start ------------------------------------------------------------------------------ */

/* One CPU, so that two threads take turns on it and its clock is one; a guest with one CPU need not know how.
 */
static void stay(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static _Noreturn void usage(int status)
{
	fprintf(status ? stderr : stdout,
	        "usage: calibrate [--rounds N] [--ticks N] [--only EVENT,...]\n\n"
	        "Measures what events cost; `portcullis calibrate` makes a cost profile of it.\n"
	        "  --rounds N   measurements of each event, 1 to %d (default %d)\n"
	        "  --ticks N    least ticks of a measurement (default %d)\n"
	        "  --only LIST  these events\n",
	        ROUNDS_MAX, ROUNDS_DEFAULT, TICKS_DEFAULT);
	exit(status);
}

static long number_of(const char *name, const char *text, long most)
{
	char *end;
	long number = text ? strtol(text, &end, 10) : 0;

	if (text && *text && !*end && number >= 1 && number <= most)
		return number;
	fprintf(stderr, "calibrate: %s %s: not a number from 1 to %ld\n", name, text ? text : "", most);
	exit(2);
}

static void parse(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			usage(0);
		else if (!strcmp(argv[i], "--rounds"))
			rounds = number_of(argv[i], argv[i + 1], ROUNDS_MAX), i++;
		else if (!strcmp(argv[i], "--ticks"))
			ticks_least = number_of(argv[i], argv[i + 1], COUNT_MAX), i++;
		else if (!strcmp(argv[i], "--only") && argv[i + 1])
			only = argv[++i];
		else
			usage(2);
	}
}

int main(int argc, char **argv)
{
	parse(argc, argv);
	records = open("/dev/records", O_WRONLY);
	if (records < 0)
		records = STDOUT_FILENO;
	stay();
	measure();
	return 0;
}
