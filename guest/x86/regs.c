#include "x86/regs.h"

#include <stddef.h>

#define CHECK(field, offset)                                                                                 \
	_Static_assert(offsetof(struct regs, field) == (offset), "offset of " #field " used by entry.S")

CHECK(r15, REGS_R15);
CHECK(rbp, REGS_RBP);
CHECK(r11, REGS_R11);
CHECK(rax, REGS_RAX);
CHECK(rdi, REGS_RDI);
CHECK(vector, REGS_VECTOR);
CHECK(rip, REGS_RIP);
CHECK(ss, REGS_SS);
_Static_assert(sizeof(struct regs) == REGS_SIZE, "size used by entry.S");
