#include "common/zipfian.h"

#include <math.h>

static void finish(struct zipfian *zipfian)
{
	double first_two = 1 + pow(0.5, zipfian->theta);

	zipfian->alpha = 1 / (1 - zipfian->theta);
	zipfian->eta =
	        (1 - pow(2.0 / (double)zipfian->count, 1 - zipfian->theta)) / (1 - first_two / zipfian->zeta);
}

void zipfian_grow(struct zipfian *zipfian, uint64_t count)
{
	while (zipfian->count < count)
		zipfian->zeta += 1 / pow((double)++zipfian->count, zipfian->theta);
	finish(zipfian);
}

void zipfian_init(struct zipfian *zipfian, uint64_t count, double theta)
{
	*zipfian = (struct zipfian){.theta = theta};
	zipfian_grow(zipfian, count);
}

uint64_t zipfian_next(const struct zipfian *zipfian, struct random *random)
{
	double u = random_fraction(random), scaled = u * zipfian->zeta;
	uint64_t rank;

	if (scaled < 1)
		return 0;
	if (scaled < 1 + pow(0.5, zipfian->theta))
		return 1;
	rank = (uint64_t)((double)zipfian->count * pow(zipfian->eta * u - zipfian->eta + 1, zipfian->alpha));
	return rank < zipfian->count ? rank : zipfian->count - 1;
}
