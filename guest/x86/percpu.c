#include "x86/percpu.h"

#include <stddef.h>

_Static_assert(offsetof(struct cpu, kernel_stack) == CPU_KERNEL_STACK, "offset used by entry.S");
_Static_assert(offsetof(struct cpu, user_stack) == CPU_USER_STACK, "offset used by entry.S");
