#include "common/records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MAX 150 /* of a histogram in one record */

static const struct record_source *source;
static char arguments[512];
static int file = -1;

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s\n", source->workload, what, why);
	exit(1);
}

void records_open(const struct record_source *from)
{
	source = from;
	file = open("/dev/records", O_WRONLY | O_CLOEXEC);
	if (file < 0 && errno != ENOENT)
		fail("cannot open /dev/records", strerror(errno));
}

void records_arguments(const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	if (length >= (int)sizeof(arguments))
		fail("cannot write records", "their arguments are too long");
}

/* The device assembles lines from pieces. */
static void put(const char *text, size_t size)
{
	ssize_t done;

	for (; size > 0; text += done, size -= (size_t)done) {
		done = write(file, text, size);
		if (done < 0)
			fail("cannot write a record", strerror(errno));
	}
}

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
	char text[1024];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (length >= (int)sizeof(text))
		fail("cannot write a record", "it is too long");
	put(text, (size_t)length);
}

static void start(const char *metric, const char *unit, uint64_t n)
{
	print("{\"schema\":1,\"experiment\":\"%s\",\"workload\":\"%s\",\"args\":{%s},\"backend\":\"%s\","
	      "\"seed\":%" PRIu64 ",\"metric\":\"%s\",\"unit\":\"%s\",\"n\":%" PRIu64 ",\"value\":",
	      source->experiment, source->workload, arguments, source->backend, source->seed, metric, unit,
	      n);
}

void records_number(const char *metric, const char *unit, double value, uint64_t n)
{
	if (file < 0)
		return;
	start(metric, unit, n);
	print("%.15g}\n", value);
}

/* How many groups of 2^level neighbouring buckets hold something. */
static unsigned groups_filled(const struct histogram *histogram, unsigned level)
{
	unsigned filled = 0, last = UINT_MAX;

	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		if (histogram->buckets[bucket] == 0 || bucket >> level == last)
			continue;
		last = bucket >> level;
		filled++;
	}
	return filled;
}

/* A record is one line of limited length: neighbours are joined until there are few enough. */
static void put_buckets(const struct histogram *histogram)
{
	const char *comma = "";
	unsigned level = 0;

	while (groups_filled(histogram, level) > GROUPS_MAX)
		level++;
	for (unsigned first = 0; first < HISTOGRAM_BUCKETS; first += 1u << level) {
		unsigned end = first + (1u << level);
		uint64_t count = 0;

		for (unsigned bucket = first; bucket < end && bucket < HISTOGRAM_BUCKETS; bucket++)
			count += histogram->buckets[bucket];
		if (count == 0)
			continue;
		print("%s[%" PRIu64 ",%" PRIu64 "]", comma, histogram_value(end - 1), count);
		comma = ",";
	}
}

void records_histogram(const char *metric, const char *unit, const struct histogram *histogram)
{
	static const struct {
		const char *suffix;
		unsigned permille;
	} quantiles[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p999", 999}};

	if (file < 0)
		return;
	start(metric, unit, histogram->count);
	print("{\"count\":%" PRIu64 ",\"sum\":%" PRIu64 ",\"min\":%" PRIu64 ",\"max\":%" PRIu64
	      ",\"buckets\":[",
	      histogram->count, histogram->sum, histogram->least, histogram->most);
	put_buckets(histogram);
	print("]}}\n");
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s_%s", metric, quantiles[i].suffix);
		records_number(name, unit, (double)histogram_permille(histogram, quantiles[i].permille),
		               histogram->count);
	}
}
