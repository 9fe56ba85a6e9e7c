/* A domain in an address space: links, faults. */
#include "domain/backend.h"
#include "domain/build.h"
#include "lib/errno.h"
#include "mm/pagetable.h"
#include "options.h"
#include "proc/process.h"

static uint64_t *slot_of(paddr_t pml4, const struct domain *domain)
{
	return (uint64_t *)phys_to_virt(pml4) + PML4_SLOT(domain->base);
}

long domain_link_subtree(struct domain *domain, struct space *space)
{
	*slot_of(space->pml4, domain) = *slot_of(domain->pml4, domain);
	return 0;
}

void domain_unlink_subtree(struct domain *domain, struct space *space)
{
	*slot_of(space->pml4, domain) = 0;
	space_flush_all(space);
}

void domain_space_changed(struct space *space)
{
	for (unsigned i = 0; space->domains && i < DOMAIN_SLOT_COUNT; i++) {
		const struct domain *domain = space->domains->slots[i].domain;

		if (domain && domain->backend->refresh) {
			domain->backend->refresh(space); /* all of a space's domains have one backend */
			return;
		}
	}
}

void domain_space_filled(struct space *space, uint64_t address)
{
	const struct backend *backend = current_process()->backend;

	if (space->domains && backend->sync && address < DOMAIN_BASE)
		backend->sync(space, address);
}

long domain_own(struct domain *domain, uint64_t address, uint64_t entry)
{
	return domain->backend->own ? domain->backend->own(domain, address, entry) : 0;
}

uint64_t domain_open(const struct domain *domain)
{
	return domain->backend->open ? domain->backend->open() : 0;
}

void domain_close(const struct domain *domain, uint64_t previous)
{
	if (domain->backend->close)
		domain->backend->close(previous);
}

void domain_read(const struct domain *domain, uint64_t address, uint64_t *value)
{
	const uint64_t *entry = pagetable_entry(domain->pml4, address);
	uint64_t opened = domain_open(domain);

	if (entry && *entry & PTE_P)
		memcpy(value, (char *)phys_to_virt(*entry & PTE_ADDRESS) + (address & ~PAGE_MASK),
		       sizeof(*value));
	domain_close(domain, opened);
}

void domain_clear_stack_top(struct domain *domain, uint64_t top)
{
	const uint64_t *entry = pagetable_entry(domain->pml4, top - PAGE_SIZE);
	uint64_t opened = domain_open(domain);

	if (entry && *entry & PTE_P)
		memset((char *)phys_to_virt(*entry & PTE_ADDRESS) + PAGE_SIZE - GATE_WORDS_SIZE, 0,
		       GATE_WORDS_SIZE);
	domain_close(domain, opened);
}

uint64_t domain_stack_top(const struct domain *domain, const struct thread *thread)
{
	return domain->base + PORTCULLIS_STACKS_OFFSET + (thread->slot + 1UL) * PORTCULLIS_STACK_STRIDE;
}

uint64_t domain_record(const struct domain *domain, const struct thread *thread)
{
	uint64_t record = 0;

	domain_read(domain, domain_stack_top(domain, thread) - 8, &record);
	return record;
}

/*
 * The record as it was when the library's present entrance began. While a gate of its own leads a call out of
 * the library or back, the record is that call's already, or still: the earlier one lies there.
 */
static uint64_t record_of_entrance(const struct domain *domain, const struct thread *thread)
{
	uint64_t record = domain_record(domain, thread), rip = thread->regs->rip;
	uint64_t stack = domain_stack_top(domain, thread) - PORTCULLIS_STACK_STRIDE;

	if (record && rip - domain->base < PORTCULLIS_GATE_SIZE &&
	    thread->regs->rsp - stack >= record - stack)
		domain_read(domain, record, &record);
	return record;
}

/* The gate from the application leaves in that word a stack pointer, which the application chooses. */
uint64_t domain_exit_by_record(const struct domain *domain)
{
	const struct thread *thread = current_thread();
	const struct domain_table *table = thread->process->space->domains;
	uint64_t record = record_of_entrance(domain, thread), address = domain->exit_address;
	bool called_by_library = record;

	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (table->slots[i].domain && table->slots[i].domain != domain)
			called_by_library |= domain_record(table->slots[i].domain, thread) != 0;
	if (called_by_library)
		domain_read(domain, record ? (record - 16) & ~15UL : domain_stack_top(domain, thread) - 16,
		            &address);
	return address;
}

/* Heap within its limit, and the current thread's own stack but for its guard. */
static bool is_on_demand(const struct domain *domain, uint64_t offset)
{
	uint64_t stack_top = domain_stack_top(domain, current_thread()) - domain->base;

	return offset - PORTCULLIS_HEAP_OFFSET < domain->descriptor.heap_limit ||
	       (offset < stack_top && (offset >= stack_top - domain->descriptor.stack_size ||
	                               option_holds("weaken", "stack-guard")));
}

enum fault_result domain_fault(uint64_t address, uint64_t error)
{
	struct process *process = current_process();
	struct attachment *attachment = domain_at(process->space, address);
	struct domain *domain = attachment ? attachment->domain : NULL;
	uint64_t *entry;
	paddr_t frame;

	if (!domain)
		return FAULT_NOT_MAPPED;
	entry = pagetable_entry(domain->pml4, address);
	if (entry && *entry & PTE_GUARDED && error & FAULT_I) {
		domain->backend->fetch(domain);
		return FAULT_RESOLVED;
	}
	if (error & FAULT_P)
		return FAULT_PROTECTION;
	if (!domain_allows(address, 1) || error & FAULT_I || !is_on_demand(domain, address - domain->base))
		return FAULT_NOT_MAPPED;
	entry = pagetable_create(domain->pml4, address, domain->account);
	frame = entry ? frame_alloc_zeroed(domain->account) : 0;
	if (!frame)
		return FAULT_NO_MEMORY;
	*entry = frame | PTE_P | PTE_W | PTE_NX | domain->page_bits;
	return domain_own(domain, address, *entry) ? FAULT_NO_MEMORY : FAULT_RESOLVED;
}

void domain_guard_space(const struct process *process, struct space *space)
{
	if (process->backend && process->backend->guard)
		space->guard = process->backend->guard();
}
