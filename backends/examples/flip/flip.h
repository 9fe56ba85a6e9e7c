/* What gate.S and kernel.c of backend `flip` share. */
#ifndef FLIP_H
#define FLIP_H

/* Replaced in the copy of the gate: the number of entry point 0. */
#define PLACEHOLDER_NUMBER 0x50434c21

/* Number of the call that leaves a library; above all that name entry points. */
#define FLIP_LEAVE 0x7fffffff

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The caller's registers as flip_entry pushes them, and as it loads them again. */
struct flip_registers {
	uint64_t rdi, rsi, rdx, r8, r9, r10, rax, rip, rflags, rsp;
};

void flip_call(struct flip_registers *registers);
#endif
#endif
