/*
 * Where the time of an entrance goes: on the way in, in the library, on the way out, and in the application
 * after it, which may have lost translations and cache lines. Then so many entrances more, for counters of
 * the whole run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/arguments.h"
#include "common/records.h"
#include "moments.h"
#include "portcullis/portcullis.h"

#define SAMPLES_MAX 10000

static uint64_t samples = 200, entrances;

static const struct argument options[] = {
        {"--samples", "entrances whose parts are measured", &samples, 1, SAMPLES_MAX, NULL},
        {"--entrances", "entrances that follow", &entrances, 0, UINT32_MAX, NULL},
};

enum part { WAY_IN, LIBRARY, WAY_OUT, AFTER, PARTS };
static const char *const names[PARTS] = {"way_in", "library", "way_out", "after"};
/* Of an entrance's events, half belong to each way. */
static const double shares[PARTS] = {[WAY_IN] = 0.5, [WAY_OUT] = 0.5};

static uint32_t ticks[PARTS][SAMPLES_MAX];
static char pages[MOMENTS_PAGES * 4096];

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* What two readings in a row are apart, at least. */
static uint32_t reading(void)
{
	uint32_t least = UINT32_MAX;

	for (uint64_t i = 0; i < samples; i++) {
		uint32_t start = moments_now(), apart = moments_now() - start;

		if (apart < least)
			least = apart;
	}
	return least;
}

static uint32_t without(uint32_t apart, uint32_t overhead)
{
	return apart > overhead ? apart - overhead : 0;
}

static void measure(void)
{
	uint32_t overhead = reading();

	for (uint64_t i = 0; i < samples; i++) {
		uint32_t start = moments_now(), out, end;
		uint64_t inside = moments_inside();

		out = moments_now();
		moments_touch(pages);
		end = moments_now();
		ticks[WAY_IN][i] = without((uint32_t)inside - start, overhead);
		ticks[LIBRARY][i] = without((uint32_t)(inside >> 32) - (uint32_t)inside, overhead);
		ticks[WAY_OUT][i] = without(out - (uint32_t)(inside >> 32), overhead);
		ticks[AFTER][i] = without(end - out, overhead);
	}
	for (unsigned part = 0; part < PARTS; part++) {
		qsort(ticks[part], samples, sizeof(ticks[part][0]), ascending);
		records_arguments("\"case\":\"%s\"", names[part]);
		records_number(names[part], "ticks", ticks[part][samples / 2], samples);
		records_number("entrances", "entrances", shares[part], samples);
		printf("%-8s %6u\n", names[part], ticks[part][samples / 2]);
	}
}

int main(int argc, char **argv)
{
	static struct record_source source = {.experiment = "breakdown", .workload = "parts"};

	arguments_parse("parts", "Measures the parts of an entrance.", options,
	                sizeof(options) / sizeof(options[0]), argc, argv);
	if (portcullis_attach("moments", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "parts: %s\n", portcullis_error());
		return 1;
	}
	source.backend = portcullis_backend();
	records_open(&source);
	measure();
	for (uint64_t i = 0; i < entrances; i++)
		moments_inside();
	return 0;
}
