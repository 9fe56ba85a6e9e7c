/* The time-stamp counter: an instruction counter on engines that count, time elsewhere (SDM vol. 3, 18.17).
 */
#ifndef COMMON_TICKS_H
#define COMMON_TICKS_H

#include <stdint.h>

static inline uint64_t ticks_now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif
