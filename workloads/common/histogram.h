/*
 * Histograms in the manner of HdrHistogram: 64 equal buckets in each power of two, so that a value is told
 * to 1.6 %, over the whole range of 64-bit values, in constant time and memory.
 */
#ifndef COMMON_HISTOGRAM_H
#define COMMON_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    6 /* log2 of the buckets in a power of two */
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

/* Zeroes: empty. */
struct histogram {
	uint64_t count, sum, least, most;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Values below 64 have a bucket each; then bucket = 64 * (power - 5) + the six bits behind the highest one.
 */
static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned shift;

	if (value < 1 << HISTOGRAM_BITS)
		return (unsigned)value;
	shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
	return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

/* The largest value of a bucket. */
static inline uint64_t histogram_value(unsigned bucket)
{
	unsigned shift = bucket >> HISTOGRAM_BITS;
	uint64_t mantissa = bucket;

	if (shift < 2)
		return bucket;
	shift--;
	mantissa -= (uint64_t)shift << HISTOGRAM_BITS;
	return (mantissa << shift) + ((uint64_t)1 << shift) - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
	if (value < histogram->least || histogram->count == 0)
		histogram->least = value;
	if (value > histogram->most)
		histogram->most = value;
	histogram->count++;
	histogram->sum += value;
	histogram->buckets[histogram_bucket(value)]++;
}

/* The least bucket's largest value that is not below `permille` thousandths of the values; 0 when empty. */
uint64_t histogram_permille(const struct histogram *histogram, unsigned permille);

#endif
