#include "common/histogram.h"

uint64_t histogram_permille(const struct histogram *histogram, unsigned permille)
{
	uint64_t wanted = (histogram->count * permille + 999) / 1000, seen = 0;
	uint64_t value;

	for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
		seen += histogram->buckets[bucket];
		if (seen < wanted || seen == 0)
			continue;
		value = histogram_value(bucket);
		return value < histogram->most ? value : histogram->most;
	}
	return 0;
}
