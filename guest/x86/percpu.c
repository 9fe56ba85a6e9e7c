#include "x86/percpu.h"

#include <stddef.h>

_Static_assert(offsetof(struct cpu, kernel_stack) == CPU_KERNEL_STACK, "offset used by entry.S");
_Static_assert(offsetof(struct cpu, user_stack) == CPU_USER_STACK, "offset used by entry.S");
_Static_assert(offsetof(struct cpu, gate.table) == CPU_GATE_TABLE, "offset used by gates");
_Static_assert(offsetof(struct cpu, gate.current) == CPU_GATE_CURRENT, "offset used by gates");
_Static_assert(offsetof(struct cpu, gate.frames) == CPU_GATE_FRAMES, "offset used by gates");
_Static_assert(offsetof(struct cpu, gate.frames_limit) == CPU_GATE_LIMIT, "offset used by gates");
_Static_assert(offsetof(struct cpu, gate.stacks) == CPU_GATE_STACK, "offset used by gates");
