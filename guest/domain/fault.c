/* Faults of code that has a domain's rights. */
#include "channel.h"
#include "domain/backend.h"
#include "domain/fail.h"
#include "domain/unwind.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"

static bool is_argument_copy(const struct domain *domain, const struct regs *regs, uint64_t address)
{
	return regs->vector == VECTOR_PF && address - domain->base >= PML4_SLOT_SIZE &&
	       regs->rip >= domain->copy_start && regs->rip < domain->copy_end;
}

/* Below the thread's protected stack, in the memory that guards it? */
static bool is_stack_overflow(const struct domain *domain, uint64_t address)
{
	uint64_t below_top = domain_stack_top(domain, current_thread()) - address;

	return below_top > domain->descriptor.stack_size && below_top <= PORTCULLIS_STACK_STRIDE;
}

bool domain_open_fault(struct regs *regs, uint64_t address)
{
	const struct process *process = current_process();
	const struct attachment *attachment = domain_at(process->space, regs->rip);

	if (!attachment || !process->backend->open_to_all ||
	    !is_argument_copy(attachment->domain, regs, address))
		return false;
	regs->rip = attachment->domain->copy_fixup;
	return true;
}

void domain_library_fault(struct regs *regs, const char *what, int signal, uint64_t address)
{
	struct process *process = current_process();
	struct domain *domain = domain_current();
	uint64_t offset = regs->rip - domain->base;

	if (is_argument_copy(domain, regs, address)) {
		regs->rip = domain->copy_fixup;
		return;
	}
	if (is_stack_overflow(domain, address))
		kprintf("library %s: stack overflow at image offset %lx, address %lx\n",
		        domain->descriptor.name, offset - PORTCULLIS_IMAGE_OFFSET, address);
	else if (!domain_in_gate(regs))
		kprintf("library %s: %s at image offset %lx, address %lx\n", domain->descriptor.name, what,
		        offset - PORTCULLIS_IMAGE_OFFSET, address);
	else
		kprintf("gate of library %s: %s at %lx, address %lx: entered in a forbidden way\n",
		        domain->descriptor.name, what, regs->rip, address);
	if (!domain_in_gate(regs)) {
		domain_fail(domain, what);
		current_thread()->expelled = current_thread()->attention = true;
		return;
	}
	run_fatal_fault(process, signal, address, regs->rip);
	process_start_exit(process, STATUS_KILLED(signal));
	thread_exit(process->exit_status);
}
