/* A library that tells when it was entered and left. */
#ifndef PARTS_MOMENTS_H
#define PARTS_MOMENTS_H

#include <stdint.h>

#define MOMENTS_PAGES 8 /* of its own that a call touches */

/* Lower halves of the time-stamp counter: at the start of the call in bits 0 to 31, at its end above. */
uint64_t moments_inside(void);

/* Reads the counter's lower half when all before it is done, and before anything behind it begins (SDM vol.
 * 3, 18.17). */
static inline uint32_t moments_now(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low;
}

/* A store to each of MOMENTS_PAGES pages. */
static inline void moments_touch(volatile char *pages)
{
	for (unsigned i = 0; i < MOMENTS_PAGES; i++)
		pages[i * 4096UL]++;
}

#endif
