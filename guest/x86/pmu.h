/* Architectural performance monitoring (SDM vol. 3B, 20.2): only whether it works. */
#ifndef GUEST_X86_PMU_H
#define GUEST_X86_PMU_H

#include <stdint.h>

#define PMU_LOOP 10000 /* instructions that pmu_try() executes between its two reads, and a few more */

/* Version by CPUID; 0: this CPU offers none. */
unsigned pmu_version(void);

/* What a counter of retired instructions says of PMU_LOOP instructions. Only with a version above 0. */
uint64_t pmu_try(void);

#endif
