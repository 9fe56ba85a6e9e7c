/* How fast the time-stamp counter runs (SDM vol. 3B, 18.17: constant rate on all processors with an invariant
 * TSC). */
#include "native/native.h"

#include <stdlib.h>
#include <time.h>

#define INTERVALS 9
#define LENGTH    4000000 /* nanoseconds of one */

static uint64_t nanoseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Both clocks at one moment: the closest of a few readings, so that an interruption between them does no
 * harm. */
static void read_both(uint64_t *tsc, uint64_t *time)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = tsc_read(), now = nanoseconds(), after = tsc_read();

		if (after - before >= best)
			continue;
		best = after - before;
		*tsc = before + best / 2;
		*time = now;
	}
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct tsc_rate tsc_calibrate(void)
{
	uint64_t rates[INTERVALS];

	for (unsigned i = 0; i < INTERVALS; i++) {
		uint64_t tsc, time, end_tsc, end_time;

		read_both(&tsc, &time);
		do
			read_both(&end_tsc, &end_time);
		while (end_time - time < LENGTH);
		rates[i] = (uint64_t)((double)(end_tsc - tsc) * 1e9 / (double)(end_time - time));
	}
	qsort(rates, INTERVALS, sizeof(rates[0]), ascending);
	return (struct tsc_rate){rates[INTERVALS / 2], rates[0], rates[INTERVALS - 1], INTERVALS};
}
