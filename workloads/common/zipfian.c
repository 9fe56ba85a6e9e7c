#include "common/zipfian.h"

#include <string.h>

#define LN_2      0.69314718055994530942
#define SQRT_HALF 0.70710678118654752440
#define LOG_TERMS 10
#define EXP_TERMS 14

/*
 * The C library's pow() may differ in the last bit from one library, or processor, to the next, and a rank
 * with it. These use nothing but IEEE arithmetic, which is the same everywhere; x is positive and normal.
 */
static double logarithm(double x)
{
	double s, square, term, sum = 0;
	uint64_t bits;
	int exponent;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (int)(bits >> 52) - 1022;
	bits = (bits & 0xfffffffffffff) | (uint64_t)1022 << 52; /* 0.5 up to 1 */
	memcpy(&x, &bits, sizeof(x));
	if (x < SQRT_HALF) {
		x *= 2;
		exponent--;
	}
	s = (x - 1) / (x + 1); /* ln x = 2 (s + s^3 / 3 + s^5 / 5 + ...) */
	square = s * s;
	term = 2 * s;
	for (int i = 0; i < LOG_TERMS; i++, term *= square)
		sum += term / (2 * i + 1);
	return sum + exponent * LN_2;
}

/* For |x| below 700. */
static double exponential(double x)
{
	int whole = (int)(x / LN_2 + (x < 0 ? -0.5 : 0.5));
	double rest = x - whole * LN_2, term = 1, sum = 1, scale;
	uint64_t bits = (uint64_t)(whole + 1023) << 52;

	for (int i = 1; i < EXP_TERMS; i++) {
		term *= rest / i;
		sum += term;
	}
	memcpy(&scale, &bits, sizeof(scale));
	return sum * scale;
}

static double power(double base, double exponent)
{
	return exponential(exponent * logarithm(base));
}

static void finish(struct zipfian *zipfian)
{
	zipfian->alpha = 1 / (1 - zipfian->theta);
	zipfian->second = 1 + power(0.5, zipfian->theta);
	zipfian->eta = (1 - power(2.0 / (double)zipfian->count, 1 - zipfian->theta)) /
	               (1 - zipfian->second / zipfian->zeta);
}

void zipfian_grow(struct zipfian *zipfian, uint64_t count)
{
	while (zipfian->count < count)
		zipfian->zeta += power((double)++zipfian->count, -zipfian->theta);
	finish(zipfian);
}

void zipfian_init(struct zipfian *zipfian, uint64_t count, double theta)
{
	*zipfian = (struct zipfian){.theta = theta};
	zipfian_grow(zipfian, count);
}

uint64_t zipfian_next(const struct zipfian *zipfian, struct random *random)
{
	double u = random_fraction(random), scaled = u * zipfian->zeta, base;
	uint64_t rank;

	if (scaled < 1)
		return 0;
	if (scaled < zipfian->second)
		return 1;
	base = zipfian->eta * u - zipfian->eta + 1;
	rank = (uint64_t)((double)zipfian->count * power(base, zipfian->alpha));
	return rank < zipfian->count ? rank : zipfian->count - 1;
}
