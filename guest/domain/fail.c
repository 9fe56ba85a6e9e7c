#include "domain/fail.h"

#include "channel.h"
#include "domain/backend.h"
#include "domain/build.h"
#include "domain/switch.h"
#include "domain/unwind.h"
#include "domain/upcall.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"

extern const char return_thunk_start[], failed_entry[];

struct domain *domain_current(void)
{
	struct domain *domain = domain_inside();

	return domain ? domain : upcall_domain();
}

void domain_fail(struct domain *domain, const char *why)
{
	if (domain->failure)
		return;
	domain->failure = why;
	for (unsigned i = 0; i < domain->descriptor.entry_count; i++)
		domain->functions[i] = domain->return_thunk + (uint64_t)(failed_entry - return_thunk_start);
	domain_write_entries(domain); /* their pages exist */
	domain_expel_threads(domain);
}

void domain_leave_failed(struct regs *regs, bool at_exit)
{
	struct thread *thread = current_thread();
	struct domain *domain = domain_current();

	if (!domain) {
		thread->expelled = false;
		return;
	}
	if (!domain->failure || (!at_exit && domain_in_gate(regs)))
		return;
	if (!domain_unwind(domain, regs)) {
		kprintf("library %s: no way out of the failed call: the process ends\n",
		        domain->descriptor.name);
		run_fatal_fault(thread->process, SIGSEGV, regs->rip, regs->rip);
		process_start_exit(thread->process, STATUS_KILLED(SIGSEGV));
		thread_exit(thread->process->exit_status);
	}
	if (upcall_is_active() && regs->rip == domain->return_thunk)
		upcall_abort();
	regs->rax = (uint64_t)PORTCULLIS_FAILED;
	regs->rflags &= ~RFLAGS_DF;
	regs->vector = 0; /* all registers count */
}

/* ---- budgets ----------------------------------------------------------------------------------------------
 */

void domain_start_budget(struct domain *domain)
{
	struct thread *thread = current_thread();

	thread->call = (struct call){domain, domain ? domain->budget : 0, thread_ticks(thread)};
}

void domain_check_budget(void)
{
	struct thread *thread = current_thread();
	struct call *call = &thread->call;
	struct domain *domain = domain_budget(thread) == NO_DEADLINE ? NULL : domain_current();
	uint64_t used;

	if (!domain)
		return;
	if (!call->domain) {
		domain_start_budget(domain);
		domain_watch_exit();
		return;
	}
	domain = call->domain;
	used = MIN(thread_ticks(thread) - call->seen, domain->budget / LOOKS + 1);
	call->seen = thread_ticks(thread);
	if (used < call->left) {
		call->left -= used;
		return;
	}
	call->domain = NULL;
	kprintf("library %s: a call has outlasted its budget of %lu ticks\n", domain->descriptor.name,
	        domain->budget);
	domain_fail(domain, "a call has outlasted its budget");
}

uint64_t domain_budget(const struct thread *thread)
{
	const struct space *space = thread->process->space;

	if (!space || !space->domains || !space->domains->count ||
	    (thread->process->backend->open_to_all && !thread->upcall))
		return NO_DEADLINE;
	return thread->call.domain ? thread->call.domain->budget / LOOKS : space->domains->budget;
}
