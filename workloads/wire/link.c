#include "wire/link.h"

#include <errno.h>
#include <string.h>

#include "common/random.h"
#include "common/ticks.h"

static struct wire_link link;
static struct random choices;
static uint64_t line_free; /* when the last frame has left the sender */
static struct flight flights[WIRE_IN_FLIGHT];
static unsigned first, count; /* in flights[], which is no ring: it is moved down now and then */
static bool perfect;

int link_open(const struct wire_link *wanted)
{
	if (wanted->loss > WIRE_PERMYRIAD || wanted->reorder > WIRE_PERMYRIAD ||
	    wanted->bandwidth > WIRE_BANDWIDTH_MAX)
		return -EINVAL;
	link = *wanted;
	random_seed(&choices, link.seed);
	perfect = !link.latency && !link.loss && !link.reorder && !link.bandwidth;
	return 0;
}

bool link_is_perfect(void)
{
	return perfect;
}

bool link_is_full(void)
{
	return count == WIRE_IN_FLIGHT;
}

bool link_is_empty(void)
{
	return count == 0;
}

static bool happens(uint32_t permyriad)
{
	return permyriad && random_below(&choices, WIRE_PERMYRIAD) < permyriad;
}

bool link_loses(void)
{
	return happens(link.loss);
}

void link_launch(uint64_t ticks, void *buffer, void *token, size_t size, struct device_statistics *statistics)
{
	uint64_t due;
	unsigned at;

	if (link.bandwidth) {
		if (line_free > ticks)
			ticks = line_free;
		line_free = ticks += size * 1000 / link.bandwidth;
	}
	due = ticks + link.latency;
	if (happens(link.reorder)) {
		due += 1 + random_below(&choices, link.reorder_delay + 1);
		statistics->frames_reordered++;
	}
	if (first + count == WIRE_IN_FLIGHT) {
		memmove(flights, flights + first, count * sizeof(flights[0]));
		first = 0;
	}
	for (at = first + count++; at > first && flights[at - 1].due > due; at--)
		flights[at] = flights[at - 1];
	flights[at] = (struct flight){due, buffer, token, size};
}

bool link_land(struct flight *flight)
{
	if (!count || flights[first].due > ticks_now())
		return false;
	*flight = flights[first++];
	if (--count == 0)
		first = 0;
	return true;
}
