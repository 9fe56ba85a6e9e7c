/* What trap and system-call entry push: the user's (or the interrupted kernel's) registers. */
#ifndef GUEST_X86_REGS_H
#define GUEST_X86_REGS_H

#include <stdint.h>

#include "x86/cpu_asm.h"

struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector; /* of a trap; VECTOR_SYSCALL for a system call */
	uint64_t error;  /* error code of a trap (0 where it has none); a system call's original RAX */
	uint64_t rip, cs, rflags, rsp, ss;
};

/* User code, or a library that runs in ring 0 in its domain. */
#define REGS_FROM_USER(regs) ((regs)->cs & (CS_USER_GS | 3))

#endif
