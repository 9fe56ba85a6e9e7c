/*
 * Probes: each measures one event that a cost profile names (harness/profiles/), in ticks of the time-stamp
 * counter.
 */
#ifndef CALIBRATE_PROBE_H
#define CALIBRATE_PROBE_H

#include <stdint.h>

struct probe {
	const char *name; /* the event's, in a profile */
	/* NULL, or why it cannot be measured here: a sentence without its full stop. */
	const char *(*prepare)(void);
	/* Ticks of `count` events, count a multiple of PROBE_UNROLLED. */
	uint64_t (*run)(long count);
	long most; /* events at a time, 0: any number */
};

#define PROBE_UNROLLED 64 /* events in a turn of a loop, so that the loop itself costs next to nothing */

/* All of them; name NULL after the last. */
extern const struct probe instruction_probes[]; /* instructions: instructions.c */
extern const struct probe kernel_probes[];      /* what the kernel does: kernel.c */

/* Reads the time-stamp counter when all before it is done, and before anything behind it begins (SDM vol.
 * 3, 18.17). */
static inline uint64_t probe_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
