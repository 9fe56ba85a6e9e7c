#include "domain/switch.h"

#include "domain/backend.h"
#include "domain/build.h"
#include "domain/fail.h"
#include "domain/thread_page.h"
#include "domain/upcall.h"
#include "options.h"
#include "plan/plan.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"
#include "x86/features.h"

/* DR7 (SDM vol. 3A, 17.2.4): register 3 local enable, length and type 0: an instruction. DR3 is for exits. */
#define DR7_RESERVED (1UL << 10)
#define DR7_LOCAL_3  (1UL << 6)
#define DR6_HIT_3    (1UL << 3)

static void load_exit_watch(uint64_t address)
{
	uint64_t dr7 = read_dr7();

	if (address)
		write_dr3(address);
	write_dr7(address ? dr7 | DR7_LOCAL_3 : dr7 & ~DR7_LOCAL_3);
}

void domain_switch_out(struct thread *previous)
{
	if (features.pku)
		previous->pkru = read_pkru();
	if (previous->exit_watch)
		load_exit_watch(0);
	if (previous->process->backend && previous->process->backend->switch_out)
		previous->process->backend->switch_out(previous);
}

void domain_switch_in(struct thread *next)
{
	if (features.pku)
		write_pkru(next->pkru);
	if (next->exit_watch)
		load_exit_watch(next->exit_watch);
	if (next->process->backend && next->process->backend->switch_in)
		next->process->backend->switch_in(next);
}

void domain_reset_thread(struct thread *thread)
{
	if (thread->exit_watch)
		load_exit_watch(0);
	thread->exit_watch = 0;
	thread->expelled = false;
	thread->call.domain = NULL;
	thread->domain = NULL;
	thread->view = 0;
	thread->gate = (struct gate_state){0};
	thread->pkru = PKRU_APPLICATION;
	if (features.pku)
		write_pkru(thread->pkru);
	write_msr(MSR_KERNEL_GS_BASE, thread->gs_base);
	if (thread->process->backend && thread->process->backend->switch_in)
		thread->process->backend->switch_in(thread);
}

uint32_t domain_rights(void)
{
	return features.pku ? read_pkru() : PKRU_APPLICATION;
}

void domain_set_rights(uint32_t pkru)
{
	if (features.pku)
		write_pkru(pkru);
}

/* Nothing of what the thread was doing inside is left to be seen. */
void domain_abandon(void)
{
	struct thread *thread = current_thread();
	struct space *space = thread->process->space;

	if (!domain_inside())
		return;
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain)
			domain_clear_stack_top(space->domains->slots[i].domain,
			                       domain_stack_top(space->domains->slots[i].domain, thread));
	thread->regs->rip = 0;
	if (thread->process->backend->switch_out)
		thread->process->backend->switch_out(thread);
	domain_reset_thread(thread);
}

void domain_watch_exit(void)
{
	struct thread *thread = current_thread();
	const struct backend *backend = thread->process->backend;

	thread->exit_watch = backend->exit_address ? backend->exit_address() : 0;
	load_exit_watch(thread->exit_watch);
}

/* The word of the thread's page that says that an event waits. */
static uint64_t *pending_flag(struct thread *thread)
{
	return thread->stack_tops +
	       (PORTCULLIS_THREAD_PAGE_PENDING - THREAD_PAGE_STACKS) / (int)sizeof(uint64_t);
}

bool domain_defer_event(void)
{
	struct thread *thread = current_thread();

	if (!domain_inside()) {
		*pending_flag(thread) = 0;
		return upcall_is_active(); /* where domains are open to all */
	}
	if (option_holds("weaken", "defer"))
		return false;
	if (thread->process->run->line->defer == PLAN_DEFER_FLAG)
		*pending_flag(thread) = 1;
	else
		domain_watch_exit();
	return true;
}

bool domain_debug_exception(struct regs *regs, uint64_t dr6)
{
	struct thread *thread = current_thread();
	const struct backend *backend = thread->process->backend;

	if (!(dr6 & DR6_HIT_3) || regs->rip != thread->exit_watch)
		return backend->debug && backend->debug(regs, dr6);
	thread->exit_watch = 0;
	load_exit_watch(0);
	thread->attention = true;
	domain_start_budget(domain_inside());
	if (thread->expelled)
		domain_leave_failed(regs, true);
	return true;
}

void domain_trapped(struct regs *regs)
{
	const struct backend *backend = current_process()->backend;

	if (backend->trapped)
		backend->trapped(regs);
}

void domain_resume(struct regs *regs)
{
	const struct backend *backend = current_process()->backend;

	if (backend->resume)
		backend->resume(regs);
}
