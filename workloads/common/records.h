/*
 * Records: one JSON object a line, written to /dev/records. Where that does not exist (the program runs
 * outside of the guest) nothing is written; any other failure ends the program with a sentence and status 1.
 */
#ifndef COMMON_RECORDS_H
#define COMMON_RECORDS_H

#include <stdint.h>

#include "common/histogram.h"

/* What all records of a program say of it. The strings stay the caller's. */
struct record_source {
	const char *experiment;
	const char *workload;
	const char *backend;
	uint64_t seed;
};

/*
 * The source is kept, not copied. Each record's "args" is what records_arguments() was last given: the
 * members of a JSON object as text, for example "\"case\":\"c\",\"records\":1000"; the first number in it is
 * what a sweep varies.
 */
void records_open(const struct record_source *source);
__attribute__((format(printf, 1, 2))) void records_arguments(const char *format, ...);

/* One value of `unit` ("ticks", "bytes", "entrances", ...), summed or averaged over n operations. */
void records_number(const char *metric, const char *unit, double value, uint64_t n);

/*
 * The whole histogram, as an object: count, sum, min, max and "buckets", pairs of a bucket's largest value
 * and its count, where neighbours are joined if there are very many; and the numbers METRIC_p50, METRIC_p90,
 * METRIC_p99 and METRIC_p999.
 */
void records_histogram(const char *metric, const char *unit, const struct histogram *histogram);

#endif
