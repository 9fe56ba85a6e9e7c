/*
 * Single steps: code in pages with more stray WRPKRU than watchpoints, and in a domain's pages that hold one.
 *
 * Such a page (PTE_GUARDED) is executable for one instruction at a time: the kernel looks at the instruction,
 * clears PTE_NX, sets RFLAGS.TF and returns; the trap that ends the step, whichever it is, sets PTE_NX again.
 * The program keeps its own TF: PUSHF in such a page pushes it, SYSCALL saves it in R11 (the kernel makes the
 * call in the step's place), a signal frame holds it.
 *
 * Not supported in such a page: MOV to SS, which would let the next instruction run unseen, ends the process.
 */
#ifndef PKU_STEP_H
#define PKU_STEP_H

#include "lib/lib.h"

struct regs;

/* The current thread's instruction at `rip`, in or into such a page, is to be stepped when the thread goes
 * on. */
void step_wanted(uint64_t rip);

/* The operations of struct backend. */
void step_trapped(struct regs *regs);
bool step_debug(struct regs *regs, uint64_t dr6);
void step_resume(struct regs *regs);

#endif
