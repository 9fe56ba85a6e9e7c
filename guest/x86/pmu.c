#include "x86/pmu.h"

#include "x86/cpu.h"

#define LEAF_PMU 0xa

#define MSR_PMC0             0xc1
#define MSR_PERFEVTSEL0      0x186
#define MSR_PERF_GLOBAL_CTRL 0x38f /* from version 2 on */

#define EVENT_INSTRUCTIONS 0xc0 /* instructions retired, unit mask 0 */
#define SELECT_USER        (1U << 16)
#define SELECT_KERNEL      (1U << 17)
#define SELECT_ENABLE      (1U << 22)

unsigned pmu_version(void)
{
	struct cpuid leaf;

	if (cpuid(0, 0).eax < LEAF_PMU)
		return 0;
	leaf = cpuid(LEAF_PMU, 0);
	return leaf.eax >> 8 & 0xff ? leaf.eax & 0xff : 0; /* with a counter at all */
}

uint64_t pmu_try(void)
{
	uint64_t before, count = PMU_LOOP / 2;

	write_msr(MSR_PERFEVTSEL0, 0);
	write_msr(MSR_PMC0, 0);
	write_msr(MSR_PERFEVTSEL0, EVENT_INSTRUCTIONS | SELECT_USER | SELECT_KERNEL | SELECT_ENABLE);
	if (pmu_version() >= 2)
		write_msr(MSR_PERF_GLOBAL_CTRL, 1);
	before = read_msr(MSR_PMC0);
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(count));
	count = read_msr(MSR_PMC0) - before;
	write_msr(MSR_PERFEVTSEL0, 0);
	return count;
}
