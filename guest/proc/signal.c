#include "proc/signal.h"

#include "domain/fail.h"
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "plan/run.h"
#include "proc/lifecycle.h"
#include "proc/process.h"
#include "proc/sched.h"

#define NEVER_BLOCKED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define STOP_SIGNALS  (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define DEFAULT_IGNORED                                                                                      \
	(SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))
/* Raised by the thread itself: taken before all others, so that the frame shows the faulting instruction. */
#define SYNCHRONOUS                                                                                          \
	(SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) |               \
	 SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSYS))
#define FIRST_REAL_TIME 32
#define SYSCALL_RESTART 219 /* number of restart_syscall */

/* ---- actions ----------------------------------------------------------------------------------------------
 */

struct signal_actions *signal_actions_create(void)
{
	struct signal_actions *actions = kzalloc(sizeof(*actions));

	if (actions)
		actions->references = 1;
	return actions;
}

struct signal_actions *signal_actions_copy(const struct signal_actions *actions)
{
	struct signal_actions *copy = kmalloc(sizeof(*copy));

	if (copy) {
		*copy = *actions;
		copy->references = 1;
	}
	return copy;
}

void signal_actions_put(struct signal_actions *actions)
{
	if (--actions->references == 0)
		kfree(actions);
}

void signal_actions_exec(struct process *process)
{
	for (int i = 1; i <= SIGNAL_COUNT; i++) {
		struct signal_action *action = &process->actions->action[i];
		bool ignore = action->handler == SIG_IGN;

		*action = (struct signal_action){.handler = ignore ? SIG_IGN : SIG_DFL};
	}
}

/* ---- pending signals --------------------------------------------------------------------------------------
 */

void signal_pending_init(struct signal_pending *pending)
{
	pending->set = 0;
	list_init(&pending->queue);
}

static void drop(struct signal_pending *pending, uint64_t set)
{
	list_for_each_safe (node, &pending->queue) {
		struct signal_queued *queued = list_entry(node, struct signal_queued, link);

		if (set & SIGNAL_BIT(queued->info.number)) {
			list_remove(node);
			kfree(queued);
		}
	}
	pending->set &= ~set;
}

void signal_pending_clear(struct signal_pending *pending)
{
	drop(pending, ~0UL);
}

/* Removes the lowest signal of `set`; the queue may hold several of a real-time one. */
static bool take_from(struct signal_pending *pending, uint64_t set, struct signal_info *info)
{
	uint64_t candidates = pending->set & set;
	struct signal_queued *found = NULL;
	bool more = false;
	int number;

	if (!candidates)
		return false;
	if (candidates & SYNCHRONOUS)
		candidates &= SYNCHRONOUS;
	number = __builtin_ctzl(candidates) + 1;
	list_for_each (node, &pending->queue) {
		struct signal_queued *queued = list_entry(node, struct signal_queued, link);

		if (queued->info.number != number)
			continue;
		if (!found)
			found = queued;
		else
			more = true;
	}
	*info = (struct signal_info){.number = number, .code = SI_USER};
	if (found) {
		*info = found->info;
		list_remove(&found->link);
		kfree(found);
	}
	if (!more)
		pending->set &= ~SIGNAL_BIT(number);
	return true;
}

bool signal_take(uint64_t set, struct signal_info *info)
{
	struct thread *thread = current_thread();

	return take_from(&thread->pending, set, info) || take_from(&thread->process->pending, set, info);
}

/* ---- sending ----------------------------------------------------------------------------------------------
 */

struct signal_info signal_from_current(int number, int code)
{
	const struct process *process = current_process();

	return (struct signal_info){
	        .number = number,
	        .code = code,
	        .word = {(uint32_t)process->pid | (uint64_t)process->credentials.uid << 32},
	};
}

static bool is_ignored(const struct process *process, int number)
{
	uint64_t handler = process->actions->action[number].handler;

	return handler == SIG_IGN || (handler == SIG_DFL && SIGNAL_BIT(number) & DEFAULT_IGNORED);
}

/* Stop signals and SIGCONT cancel each other when they are sent, whatever their disposition. */
static void cancel_opposites(struct process *process, int number)
{
	uint64_t opposites = 0;

	if (SIGNAL_BIT(number) & STOP_SIGNALS)
		opposites = SIGNAL_BIT(SIGCONT);
	if (number == SIGCONT)
		opposites = STOP_SIGNALS;
	if (opposites) {
		drop(&process->pending, opposites);
		list_for_each (node, &process->threads)
			drop(&list_entry(node, struct thread, process_link)->pending, opposites);
	}
	if ((number == SIGCONT || number == SIGKILL) && process->stopped) {
		process->stopped = false;
		list_for_each (node, &process->threads)
			thread_wake(list_entry(node, struct thread, process_link));
		if (number == SIGCONT)
			process_report_stop(process, 0);
	}
}

static long enqueue(struct signal_pending *pending, const struct signal_info *info)
{
	struct signal_queued *queued;

	if (info->number < FIRST_REAL_TIME && pending->set & SIGNAL_BIT(info->number))
		return 0; /* a standard signal is pending once */
	queued = kmalloc(sizeof(*queued));
	if (!queued && info->number >= FIRST_REAL_TIME)
		return -EAGAIN;
	if (queued) {
		queued->info = *info;
		list_add_tail(&pending->queue, &queued->link);
	}
	pending->set |= SIGNAL_BIT(info->number);
	return 0;
}

static bool blocks(const struct thread *thread, int number)
{
	return thread->signal_mask & SIGNAL_BIT(number);
}

/* A signal that is ignored is dropped at once, unless it is blocked: it might be handled when unblocked. */
static bool is_dropped(const struct process *process, const struct thread *thread, int number)
{
	return is_ignored(process, number) && !blocks(thread, number);
}

static bool wants(const struct thread *thread, int number)
{
	return !blocks(thread, number) || thread->wait_set & SIGNAL_BIT(number);
}

long signal_send_thread(struct thread *thread, const struct signal_info *info)
{
	struct process *process = thread->process;
	long error;

	if (process->zombie || process->exiting)
		return 0;
	cancel_opposites(process, info->number);
	if (is_dropped(process, thread, info->number))
		return 0;
	error = enqueue(&thread->pending, info);
	if (!error && wants(thread, info->number))
		thread_wake(thread);
	return error;
}

long signal_send_process(struct process *process, const struct signal_info *info)
{
	long error;

	if (process->zombie || process->exiting || list_empty(&process->threads))
		return 0;
	cancel_opposites(process, info->number);
	if (is_dropped(process, list_entry(process->threads.next, struct thread, process_link), info->number))
		return 0;
	error = enqueue(&process->pending, info);
	if (error)
		return error;
	list_for_each (node, &process->threads) {
		struct thread *thread = list_entry(node, struct thread, process_link);

		if (wants(thread, info->number)) {
			thread_wake(thread);
			break;
		}
	}
	return 0;
}

void signal_fault(int number, int code, uint64_t address)
{
	struct thread *thread = current_thread();
	struct signal_action *action = &thread->process->actions->action[number];
	struct signal_info info = {.number = number, .code = code, .word = {address}};

	if (action->handler == SIG_IGN || blocks(thread, number)) {
		action->handler = SIG_DFL;
		thread->signal_mask &= ~SIGNAL_BIT(number);
	}
	if (action->handler == SIG_DFL)
		run_fatal_fault(thread->process, number, address, thread->regs->rip);
	drop(&thread->pending, SIGNAL_BIT(number));
	enqueue(&thread->pending, &info);
	thread->attention = true;
}

void signal_set_mask(uint64_t mask)
{
	current_thread()->signal_mask = mask & ~NEVER_BLOCKED;
	current_thread()->attention = true;
}

void signal_use_mask(uint64_t mask)
{
	struct thread *thread = current_thread();

	thread->saved_mask = thread->signal_mask;
	thread->restore_mask = true;
	signal_set_mask(mask);
}

void signal_discard_ignored(struct process *process, int number)
{
	if (!is_ignored(process, number))
		return;
	drop(&process->pending, SIGNAL_BIT(number));
	list_for_each (node, &process->threads)
		drop(&list_entry(node, struct thread, process_link)->pending, SIGNAL_BIT(number));
}

/* ---- delivery ---------------------------------------------------------------------------------------------
 */

/* A sibling's execve ends this thread. */
static bool is_replaced(const struct thread *thread)
{
	return thread->process->exec_thread && thread->process->exec_thread != thread;
}

bool signal_is_pending(void)
{
	const struct thread *thread = current_thread();
	const struct process *process = thread->process;

	return ((thread->pending.set | process->pending.set) & ~thread->signal_mask) || process->exiting ||
	       process->stopped || is_replaced(thread) || thread->expelled;
}

static void stop(struct process *process, int number)
{
	process->stopped = true;
	process_report_stop(process, number);
	list_for_each (node, &process->threads)
		thread_wake(list_entry(node, struct thread, process_link));
}

static void stay_stopped(struct process *process)
{
	while (process->stopped && !process->exiting)
		thread_sleep_uninterruptibly();
}

/* What becomes of the interrupted system call, if there is one. */
static void finish_syscall(struct regs *regs, const struct signal_action *action)
{
	bool restart;

	if (regs->vector != VECTOR_SYSCALL)
		return;
	switch (-(long)regs->rax) {
	case ERESTARTSYS:
		restart = !action || action->flags & SA_RESTART;
		break;
	case ERESTARTNOHAND:
		restart = !action;
		break;
	case ERESTART_RESTARTBLOCK:
		restart = !action;
		break;
	default:
		return;
	}
	if (!restart) {
		regs->rax = -(long)EINTR;
		return;
	}
	regs->rax = -(long)regs->rax == ERESTART_RESTARTBLOCK ? SYSCALL_RESTART : regs->error;
	regs->rip -= 2; /* SYSCALL is 0F 05 */
	regs->vector = 0;
}

static void handle(struct regs *regs, const struct signal_info *info)
{
	struct thread *thread = current_thread();
	struct signal_action *slot = &thread->process->actions->action[info->number];
	struct signal_action action = *slot;
	uint64_t old_mask = thread->restore_mask ? thread->saved_mask : thread->signal_mask;
	uint64_t mask = thread->signal_mask | action.mask;

	if (action.flags & SA_RESETHAND)
		slot->handler = SIG_DFL;
	if (!(action.flags & SA_NODEFER))
		mask |= SIGNAL_BIT(info->number);
	finish_syscall(regs, &action);
	if (signal_frame_push(regs, info, &action, old_mask)) {
		run_fatal_fault(thread->process, SIGSEGV, regs->rsp, regs->rip);
		process_start_exit(thread->process, STATUS_KILLED(SIGSEGV));
		return;
	}
	thread->restore_mask = false;
	signal_set_mask(mask);
}

/* A system call of a library is never restarted: the event waits until the library has returned. */
static void interrupt_library_call(struct regs *regs)
{
	long result = -(long)regs->rax;

	if ((regs->vector == VECTOR_SYSCALL || regs->vector == VECTOR_SYSCALL_OF_LIBRARY) &&
	    (result == ERESTARTSYS || result == ERESTARTNOHAND || result == ERESTART_RESTARTBLOCK))
		regs->rax = (uint64_t)-EINTR;
}

void signal_deliver(struct regs *regs)
{
	struct thread *thread = current_thread();
	struct process *process = thread->process;
	struct signal_info info;

	if (process->exiting && process->run && process->run->killed)
		thread_exit(process->exit_status); /* the end of a run does not wait for a library to be left */
	if (thread->expelled)
		domain_leave_failed(regs, false);
	if (domain_defer_event()) {
		interrupt_library_call(regs);
		thread->attention = false;
		return;
	}
	if (process->exiting)
		thread_exit(process->exit_status);
	if (is_replaced(thread))
		thread_exit(0);
	if (process->stopped) {
		stay_stopped(process);
		return;
	}
	if (signal_take(~thread->signal_mask, &info)) {
		uint64_t handler = process->actions->action[info.number].handler;

		if (handler > SIG_IGN) {
			handle(regs, &info);
		} else if (handler == SIG_DFL && SIGNAL_BIT(info.number) & STOP_SIGNALS) {
			stop(process, info.number);
		} else if (handler == SIG_DFL && !(SIGNAL_BIT(info.number) & DEFAULT_IGNORED)) {
			process_exit(STATUS_KILLED(info.number));
		}
		return;
	}
	finish_syscall(regs, NULL);
	if (thread->restore_mask) {
		thread->restore_mask = false;
		signal_set_mask(thread->saved_mask);
	} else {
		thread->attention = false;
	}
}
