/* Events that the kernel counts. By what they have grown during a run are records of the run. */
#ifndef GUEST_PLAN_COUNTERS_H
#define GUEST_PLAN_COUNTERS_H

#include "lib/lib.h"

enum counter {
	COUNT_PAGE_FLUSHES,  /* a page's translation was dropped because its entry lost something */
	COUNT_SPACE_FLUSHES, /* all of a space's were */

	/* While the VMX monitor runs. */
	COUNT_EPT_FLUSHES,
	COUNT_EPT_VIOLATIONS,
	COUNT_VIEW_SWITCHES, /* VMFUNCs of the kernel; those of gates are seen by nobody */
	COUNT_VM_EXITS, /* for all reasons; those for each reason follow, and are records if there were any */
	COUNT_EXIT_HYPERCALL,
	COUNT_EXIT_CPUID,
	COUNT_EXIT_XSETBV,
	COUNT_EXIT_EPT_VIOLATION,
	COUNT_EXIT_VMFUNC,          /* a leaf or view that does not exist */
	COUNT_EXIT_VMX_INSTRUCTION, /* VMXON, VMLAUNCH, ... */
	COUNTERS
};

#define COUNT_MONITOR_FIRST COUNT_EPT_FLUSHES

extern uint64_t counters[COUNTERS];
extern const char *const counter_metrics[COUNTERS];

#endif
