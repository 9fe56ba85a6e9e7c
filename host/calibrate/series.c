#include "host/calibrate/calibrate.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, unsigned count, double part)
{
	double place = part * (count - 1);
	unsigned below = (unsigned)place;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

struct summary series_summary(const struct series *series)
{
	static double sorted[ROUNDS_MAX];
	struct summary summary = {.count = series->count};

	memcpy(sorted, series->values, series->count * sizeof(sorted[0]));
	qsort(sorted, series->count, sizeof(sorted[0]), ascending);
	summary.median = quantile(sorted, series->count, 0.5);
	summary.first_quartile = quantile(sorted, series->count, 0.25);
	summary.third_quartile = quantile(sorted, series->count, 0.75);
	summary.unstable = summary.third_quartile - summary.first_quartile > SPREAD_MAX * summary.median;
	return summary;
}
