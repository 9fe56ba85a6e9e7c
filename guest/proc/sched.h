/* Threads on the CPU: creation, switching, sleeping, and the exact account of their time. */
#ifndef GUEST_PROC_SCHED_H
#define GUEST_PROC_SCHED_H

#include "proc/process.h"
#include "x86/cpu.h"

#define KERNEL_STACK_ORDER 2          /* frames: 16 KiB */
#define QUANTUM_NS         10000000UL /* time slice while others can run */

void sched_init(void); /* makes the caller the idle thread of this CPU */

/*
 * A thread of `process` that is not yet runnable, or NULL. `regs` NULL: a kernel thread, which calls `entry`
 * and never returns from it; else a user thread that starts with a copy of *regs.
 */
struct thread *thread_create(struct process *process, const struct regs *regs, void (*entry)(void));
void thread_discard(struct thread *thread); /* one that never ran */
void thread_wake(
        struct thread *thread); /* makes a new or blocked thread runnable; harmless on a runnable one */

void schedule(void); /* lets the next runnable thread run; returns when this one is chosen again */
_Noreturn void sched_idle(void);    /* the idle thread's loop */
_Noreturn void thread_retire(void); /* the current thread leaves the CPU for ever; its memory is freed */

void sched_timer_interrupt(void);

/* Programs the next timer interrupt anew: the earliest timer, the run's limit or the quantum has changed. */
void sched_rearm(void);

/* What every way out of the kernel to user mode does: switch threads, deliver signals, stop the kernel's
 * clock. */
void exit_to_user(struct regs *regs);

/*
 * Time: account_enter() at each entry from user mode, account_update() at a switch, right before leaving, and
 * to read a thread's time. The sum of user_ticks and system_ticks over all threads, idle included, is the
 * TSC's advance.
 */
static inline void account_enter(void)
{
	uint64_t now = read_tsc();

	current_thread()->user_ticks += now - this_cpu->last_tsc;
	this_cpu->last_tsc = now;
}

static inline void account_update(void)
{
	uint64_t now = read_tsc();

	current_thread()->system_ticks += now - this_cpu->last_tsc;
	this_cpu->last_tsc = now;
}

#endif
