#include "proc/sched.h"

#include "domain/fail.h"
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "plan/run.h"
#include "proc/clock.h"
#include "x86/entry.h"
#include "x86/features.h"
#include "x86/fpu.h"
#include "x86/timer.h"

static struct list run_queue = LIST_INIT(run_queue);
static int last_tid = 1;

/* ---- time -------------------------------------------------------------------------------------------------
 */

/* Programs the next timer interrupt: the first timer, the limit of the run, or the end of the quantum. */
void sched_rearm(void)
{
	uint64_t deadline = MIN(timers_first(), run_deadline());

	/* A switch that is due needs no timer, which would only interrupt again before it can happen. */
	if ((this_cpu->limited || !list_empty(&run_queue)) && !this_cpu->reschedule)
		deadline = MIN(deadline, this_cpu->quantum_end);
	if (deadline == this_cpu->armed || deadline == NO_DEADLINE)
		return;
	this_cpu->armed = deadline;
	timer_arm(deadline);
}

void sched_timer_interrupt(void)
{
	uint64_t now = read_tsc();

	this_cpu->armed = 0;
	timers_run(now);
	run_check_limit(now);
	if (now >= this_cpu->quantum_end)
		this_cpu->reschedule = true;
	sched_rearm();
}

/* ---- creation ---------------------------------------------------------------------------------------------
 */

static int allocate_tid(void)
{
	do {
		last_tid = last_tid >= PID_MAX ? PID_FIRST : last_tid + 1;
	} while (process_find(last_tid) || thread_find(last_tid) || process_group_exists(last_tid));
	return last_tid;
}

/* The words that switch_stacks() pops, from the lowest address. */
struct switch_frame {
	uint64_t r15, r14, r13, r12, rbx, rbp;
	uint64_t return_address;
};

struct thread *thread_create(struct process *process, const struct regs *regs, void (*entry)(void))
{
	struct thread *thread = kzalloc(sizeof(*thread));
	paddr_t stack = frame_alloc_order(KERNEL_STACK_ORDER);
	struct switch_frame *frame;

	if (!thread || !stack || !(thread->xsave = fpu_create())) {
		if (stack)
			frame_free_order(stack, KERNEL_STACK_ORDER);
		kfree(thread);
		return NULL;
	}
	thread->tid = allocate_tid();
	thread->process = process;
	thread->state = THREAD_BLOCKED;
	thread->user_limit = user_limit();
	list_init(&thread->run_link);
	list_init(&thread->sleep.link);
	signal_pending_init(&thread->pending);
	thread->kernel_stack = (uint64_t)phys_to_virt(stack) + (PAGE_SIZE << KERNEL_STACK_ORDER);
	thread->regs = (struct regs *)thread->kernel_stack - 1;
	if (regs)
		*thread->regs = *regs;
	frame = (struct switch_frame *)thread->regs - 1;
	*frame = (struct switch_frame){
	        .rbx = (uint64_t)entry,
	        .return_address = (uint64_t)(regs ? thread_start : kernel_thread_start),
	};
	thread->kernel_sp = (uint64_t)frame;
	list_add_tail(&process->threads, &thread->process_link);
	process->thread_count++;
	process_get(process);
	return thread;
}

static void free_thread(struct thread *thread)
{
	struct process *process = thread->process;

	fpu_free(thread->xsave);
	frame_free_order(virt_to_phys((void *)(thread->kernel_stack - (PAGE_SIZE << KERNEL_STACK_ORDER))),
	                 KERNEL_STACK_ORDER);
	kfree(thread);
	process_put(process);
}

void thread_discard(struct thread *thread)
{
	domain_thread_gone(thread);
	list_remove(&thread->process_link);
	thread->process->thread_count--;
	free_thread(thread);
}

/* ---- switching --------------------------------------------------------------------------------------------
 */

void thread_wake(struct thread *thread)
{
	thread->attention = true;
	if (thread->state != THREAD_BLOCKED)
		return;
	thread->state = THREAD_RUNNABLE;
	if (list_empty(&run_queue) && current_thread() != this_cpu->idle)
		this_cpu->quantum_end = read_tsc() + this_cpu->quantum;
	list_add_tail(&run_queue, &thread->run_link);
	if (current_thread() == this_cpu->idle)
		this_cpu->reschedule = true;
	sched_rearm();
}

/* Runs in the next thread's context, right after the stacks were switched. */
static void finish_switch(void)
{
	struct thread *dead = this_cpu->retired;

	if (dead) {
		this_cpu->retired = NULL;
		free_thread(dead);
	}
}

void thread_started(void)
{
	finish_switch();
	exit_to_user(current_thread()->regs);
}

static void switch_to(struct thread *next)
{
	struct thread *previous = current_thread();

	account_update();
	domain_switch_out(previous);
	this_cpu->thread = next;
	this_cpu->kernel_stack = next->kernel_stack;
	if (next->process->space) {
		space_switch(next->process->space);
		fpu_switch(previous->xsave, next->xsave);
		write_msr(MSR_FS_BASE, next->fs_base);
		write_msr(MSR_KERNEL_GS_BASE, next->gs_base);
		domain_switch_in(next);
	} else if (previous->process->space) {
		fpu_save(previous->xsave);
	}
	switch_stacks(&previous->kernel_sp, next->kernel_sp);
	finish_switch();
}

void schedule(void)
{
	struct thread *thread = current_thread(), *next;
	uint64_t budget;

	this_cpu->reschedule = false;
	domain_check_budget();
	if (thread->state == THREAD_RUNNABLE && thread != this_cpu->idle)
		list_add_tail(&run_queue, &thread->run_link);
	if (list_empty(&run_queue)) {
		next = this_cpu->idle;
	} else {
		next = list_entry(run_queue.next, struct thread, run_link);
		list_remove(&next->run_link);
	}
	budget = domain_budget(next);
	this_cpu->limited = budget != NO_DEADLINE;
	this_cpu->quantum = MIN(ns_to_ticks(QUANTUM_NS), budget);
	this_cpu->quantum_end = read_tsc() + this_cpu->quantum;
	sched_rearm();
	if (next != thread)
		switch_to(next);
}

long sys_sched_yield(void)
{
	schedule();
	return 0;
}

void thread_retire(void)
{
	struct thread *thread = current_thread();

	thread->state = THREAD_DEAD;
	this_cpu->retired = thread;
	schedule();
	panic("a retired thread runs again");
}

static void wake_sleeper(struct timer *timer)
{
	thread_wake(container_of(timer, struct thread, sleep));
}

long thread_block(uint64_t deadline)
{
	struct thread *thread = current_thread();

	if (signal_is_pending()) {
		thread->attention = true;
		return -EINTR;
	}
	if (deadline != NO_DEADLINE) {
		if (read_tsc() >= deadline)
			return -ETIMEDOUT;
		timers_add(&thread->sleep, deadline, wake_sleeper);
	}
	thread->state = THREAD_BLOCKED;
	schedule();
	timers_remove(&thread->sleep);
	return 0;
}

void thread_sleep_uninterruptibly(void)
{
	current_thread()->state = THREAD_BLOCKED;
	schedule();
}

void exit_to_user(struct regs *regs)
{
	struct thread *thread = current_thread();

	while (this_cpu->reschedule || thread->attention) {
		if (this_cpu->reschedule)
			schedule();
		if (thread->attention)
			signal_deliver(regs);
	}
	tlb_model_check();
	account_update();
}

/* ---- idle -------------------------------------------------------------------------------------------------
 */

void sched_init(void)
{
	static struct process idle_process;
	static struct thread idle_thread;

	idle_thread.process = &idle_process;
	idle_thread.state = THREAD_RUNNABLE;
	list_init(&idle_thread.run_link);
	list_init(&idle_thread.sleep.link);
	signal_pending_init(&idle_thread.pending);
	signal_pending_init(&idle_process.pending);
	this_cpu->thread = this_cpu->idle = &idle_thread;
	this_cpu->last_tsc = read_tsc();
}

void sched_idle(void)
{
	for (;;) {
		if (!list_empty(&run_queue)) {
			schedule();
			continue;
		}
		if (timers_first() == NO_DEADLINE)
			run_deadlock();
		else
			__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
}
