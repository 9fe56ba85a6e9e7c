/* What a test program prints: "ok NAME", "not ok NAME: why"; its exit status says whether all were ok. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool check_failed;

/* Reports one claim; `format` says what was seen instead, when it does not hold. */
__attribute__((format(printf, 3, 4))) static inline bool check(bool holds, const char *name,
                                                               const char *format, ...)
{
	va_list list;

	if (holds) {
		printf("ok %s\n", name);
		return true;
	}
	check_failed = true;
	printf("not ok %s: ", name);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	return false;
}

static inline int check_status(void)
{
	return check_failed ? 1 : 0;
}

/* The seed of a random test: the first argument, or the clock. Printed, so that the run can be repeated. */
static inline uint64_t test_seed(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);

	printf("# seed %llu\n", (unsigned long long)seed);
	return seed;
}

/* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). */
static inline uint64_t test_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

static inline uint64_t test_random_below(uint64_t *state, uint64_t limit)
{
	return test_random(state) % limit;
}

#endif
