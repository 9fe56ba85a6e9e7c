#include "plan/counters.h"

uint64_t counters[COUNTERS];

const char *const counter_metrics[COUNTERS] = {
        [COUNT_PAGE_FLUSHES] = "page_flushes",
        [COUNT_SPACE_FLUSHES] = "space_flushes",
        [COUNT_EPT_FLUSHES] = "ept_flushes",
        [COUNT_EPT_VIOLATIONS] = "ept_violations",
        [COUNT_VIEW_SWITCHES] = "kernel_view_switches",
        [COUNT_VM_EXITS] = "vm_exits",
        [COUNT_EXIT_HYPERCALL] = "vm_exits_hypercall",
        [COUNT_EXIT_CPUID] = "vm_exits_cpuid",
        [COUNT_EXIT_XSETBV] = "vm_exits_xsetbv",
        [COUNT_EXIT_EPT_VIOLATION] = "vm_exits_ept_violation",
        [COUNT_EXIT_VMFUNC] = "vm_exits_vmfunc",
        [COUNT_EXIT_VMX_INSTRUCTION] = "vm_exits_vmx_instruction",
};
