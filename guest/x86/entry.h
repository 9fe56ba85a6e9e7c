/* Assembly entry points (entry.S) and what they call. */
#ifndef GUEST_X86_ENTRY_H
#define GUEST_X86_ENTRY_H

#include "x86/regs.h"

void syscall_entry(void); /* target of SYSCALL, but where a backend has its own */
extern char trap_stubs[]; /* 256 stubs of TRAP_STUB_SIZE bytes, one a vector */
#define TRAP_STUB_SIZE 16

/* Leaves to user mode with the registers at `regs`, which lie at the top of the current kernel stack. */
_Noreturn void return_to_user(struct regs *regs);

/*
 * Saves callee-saved registers and stack pointer in *save and continues where `load` was saved. A new
 * thread's stack holds six zero registers and the address to start at.
 */
void switch_stacks(uint64_t *save, uint64_t load);
void thread_start(void);        /* first code of a new user thread: leaves to user mode */
void kernel_thread_start(void); /* first code of a kernel thread: calls RBX */

/*
 * Leaves to user mode with *regs; entries from there use the kernel stack below the caller's frames, whose
 * top goes to *kernel_stack. Returns after upcall_leave(*save).
 */
void upcall_enter(struct regs *regs, uint64_t *save, uint64_t *kernel_stack);
_Noreturn void upcall_leave(uint64_t saved);

/* Called by entry.S. */
void syscall_dispatch(struct regs *regs);
void trap_dispatch(struct regs *regs);
void thread_started(void);

#endif
