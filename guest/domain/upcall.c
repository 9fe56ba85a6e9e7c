#include "domain/upcall.h"

#include "domain/backend.h"
#include "domain/build.h"
#include "domain/fail.h"
#include "lib/errno.h"
#include "proc/process.h"
#include "proc/sched.h"
#include "x86/cpu.h"
#include "x86/entry.h"

/* Where the return address lies below the stack's top: RSP + 8 is a multiple of 16 at a function's entry. */
#define CALL_OFFSET (GATE_WORDS_SIZE + 8)

/* Of the call that a thread executes. */
struct upcall {
	uint64_t kernel_sp;    /* where upcall_leave() returns */
	uint64_t kernel_stack; /* top for entries before the call */
	struct regs *regs;
	struct upcall *outer;        /* that this one interrupts; NULL: none */
	struct domain *domain;       /* the library called, */
	const struct domain *caller; /* and the one whose system call it serves; NULL: none */
	bool aborted;
	long result;
};

bool upcall_is_active(void)
{
	return current_thread()->upcall;
}

struct domain *upcall_domain(void)
{
	const struct upcall *upcall = current_thread()->upcall;

	return upcall ? upcall->domain : NULL;
}

bool upcall_concerns(const struct thread *thread, const struct domain *domain)
{
	for (const struct upcall *upcall = thread->upcall; upcall; upcall = upcall->outer)
		if (upcall->domain == domain || upcall->caller == domain)
			return true;
	return false;
}

static _Noreturn void finish(long result, bool aborted)
{
	struct upcall *upcall = current_thread()->upcall;

	upcall->result = result;
	upcall->aborted = aborted;
	upcall_leave(upcall->kernel_sp);
}

void upcall_abort(void)
{
	finish(0, true);
}

/* What the return thunk calls: the library function's value. */
long sys_domain_return(long value)
{
	if (!upcall_is_active())
		return -EPERM;
	finish(value, false);
}

long domain_call(struct domain *domain, uint64_t function, uint64_t argument, long *result)
{
	struct thread *thread = current_thread();
	struct upcall upcall = {
	        .kernel_stack = thread->kernel_stack,
	        .regs = thread->regs,
	        .outer = thread->upcall,
	        .domain = domain,
	        .caller = domain_inside(),
	};
	uint64_t sp = domain_stack_top(domain, thread) - CALL_OFFSET;
	struct regs regs = {
	        .rdi = argument,
	        .rip = function,
	        .rsp = sp,
	        .rflags = RFLAGS_MBS1 | RFLAGS_IF,
	        .cs = SELECTOR_USER_CODE,
	        .ss = SELECTOR_USER_DATA,
	};
	uint64_t previous_rights, frames = this_cpu->gate.frames;
	struct call call = thread->call;
	long error = domain_write_stack(domain, sp - domain->base, domain->return_thunk);

	if (error)
		return error;
	thread->upcall = &upcall;
	domain_start_budget(domain);
	schedule(); /* from now on the thread is looked at in time */
	previous_rights = domain->backend->raise(domain, &regs);
	upcall_enter(&regs, &upcall.kernel_sp, &thread->kernel_stack);
	domain->backend->drop(previous_rights);
	this_cpu->gate.frames = frames; /* a call that was cut short left its own */
	thread->upcall = upcall.outer;
	thread->call = call;
	thread->call.seen = thread_ticks(thread);
	thread->kernel_stack = this_cpu->kernel_stack = upcall.kernel_stack;
	thread->regs = upcall.regs;
	thread->attention = true; /* an event that has waited for the end of the call */
	*result = upcall.result;
	return upcall.aborted ? -EINTR : 0;
}
