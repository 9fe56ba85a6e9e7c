/*
 * Backend `syscall`, kernel half: a second PML4 for each attached domain, which shares every other entry with
 * the application's. In the application's own, the slot holds the gate pages alone.
 */
#include "domain/backend.h"
#include "domain/gate.h"
#include "domain/patch.h"
#include "gate.h"
#include "lib/errno.h"
#include "mm/pagetable.h"
#include "plan/run.h"
#include "proc/process.h"
#include "syscall/gate_values.h"
#include "x86/cpu.h"
#include "x86/features.h"

#define GATE_COPY_MAX 64
#define INNER_OFFSET  (PORTCULLIS_GATE_SIZE - 2 * PAGE_SIZE) /* in the gate area, next to the return thunk */

/* With PCID, a CR3 value with bit 63 keeps the translations of its PCID (SDM vol. 3A, 4.10.4.1). */
#define CR3_NO_FLUSH  (1UL << 63)
#define PCID_OF(slot) ((slot) + 1UL) /* 0 is every application's */

extern const char syscall_gate[], syscall_gate_end[];
extern const char syscall_inner_plain[], syscall_inner_plain_end[];
extern const char syscall_inner_general[], syscall_inner_general_end[];
extern const char syscall_inner_vector[], syscall_inner_vector_end[];
void syscall_gate_entry(void);
void syscall_gate_entry_kpti(void);

static const struct {
	const char *start, *end;
} inners[] = {
        [PLAN_SCRUB_NONE] = {syscall_inner_plain, syscall_inner_plain_end},
        [PLAN_SCRUB_GENERAL] = {syscall_inner_general, syscall_inner_general_end},
        [PLAN_SCRUB_VECTOR] = {syscall_inner_vector, syscall_inner_vector_end},
};

static bool uses_pcid(void)
{
	return features.pcid && features.invpcid;
}

static long build_gate(struct domain *domain)
{
	enum plan_scrub scrub = current_process()->run->line->scrub;
	char code[GATE_COPY_MAX];
	size_t size = (size_t)(syscall_gate_end - syscall_gate);
	long error;

	kassert(size <= sizeof(code));
	memcpy(code, syscall_gate, size);
	gate_patch(code, size, PLACEHOLDER_NUMBER, GATE_CALL | domain->slot << GATE_SLOT_SHIFT);
	error = domain_write_gate(domain, DOMAIN_GATE_OPEN, PTE_U, code, code + size,
	                          domain->descriptor.entry_count);
	if (!error)
		error = domain_write_code(domain, INNER_OFFSET, inners[scrub].start,
		                          (size_t)(inners[scrub].end - inners[scrub].start));
	return error;
}

/* The gate pages are in every library's page tables as in the application's. */
static uint64_t nested_entry(const struct domain *from, const struct domain *to, unsigned index)
{
	(void)from;
	return gate_thunk(to, index);
}

/* ---- the two sets of page tables --------------------------------------------------------------------------
 */

/* The gate pages, and nothing else of the domain, in the application's page tables. */
static long link_gate_pages(struct domain *domain, struct space *space)
{
	uint64_t address = domain->base, end = domain->base + INNER_OFFSET, *entry;

	for (; (entry = pagetable_next(domain->pml4, &address, end)); address += PAGE_SIZE) {
		uint64_t *own = pagetable_create(space->pml4, address, space->account);

		if (!own)
			return -ENOMEM;
		frame_get(*entry & PTE_ADDRESS);
		*own = *entry;
	}
	return 0;
}

static void unlink_gate_pages(struct domain *domain, struct space *space)
{
	pagetable_free(space->pml4, domain->base, domain->base + PML4_SLOT_SIZE);
}

static uint64_t *slot_entry(paddr_t pml4, const struct domain *domain)
{
	return (uint64_t *)phys_to_virt(pml4) + PML4_SLOT(domain->base);
}

/* Brings the application's and the kernel's entries of a domain's PML4 up to date. */
static void refresh(const struct attachment *attachment, const struct space *space)
{
	uint64_t *view = phys_to_virt(attachment->view);

	memcpy(view, phys_to_virt(space->pml4), PAGE_SIZE);
	*slot_entry(attachment->view, attachment->domain) =
	        *slot_entry(attachment->domain->pml4, attachment->domain);
}

static void refresh_all(struct space *space)
{
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain && space->domains->slots[i].view)
			refresh(&space->domains->slots[i], space);
}

static long link(struct domain *domain, struct space *space)
{
	struct attachment *attachment = &space->domains->slots[domain->slot];
	uint64_t keep = uses_pcid() ? CR3_NO_FLUSH : 0;
	struct gate *gate = gate_open(domain, space);
	long error = gate ? link_gate_pages(domain, space) : -ENOMEM;

	if (!error) {
		attachment->view = frame_alloc(space->account);
		error = attachment->view ? 0 : -ENOMEM;
	}
	if (error) {
		if (gate)
			gate_close(domain, space);
		unlink_gate_pages(domain, space);
		return error;
	}
	gate->cr3 = attachment->view | (keep ? PCID_OF(domain->slot) | keep : 0);
	gate->entry = domain->base + INNER_OFFSET;
	space->domains->gates->application.cr3 = space->pml4 | keep;
	space->tagged = keep;
	refresh_all(space);
	space_flush_all(space);
	return 0;
}

static void unlink(struct domain *domain, struct space *space)
{
	struct attachment *attachment = &space->domains->slots[domain->slot];
	paddr_t view = attachment->view;

	attachment->view = 0;
	gate_close(domain, space);
	unlink_gate_pages(domain, space);
	refresh_all(space);
	space_flush_all(space);
	frame_put(view);
}

/* A page fault inside a library may have filled an entry of the application's PML4. */
static void sync(struct space *space, uint64_t address)
{
	const struct domain *domain = gate_inside();
	const uint64_t *own = phys_to_virt(space->pml4);

	if (domain)
		((uint64_t *)phys_to_virt(space->domains->slots[domain->slot].view))[PML4_SLOT(address)] =
		        own[PML4_SLOT(address)];
}

/* ---- threads ----------------------------------------------------------------------------------------------
 */

/* The kernel works on either set; what it changes in the application's must reach both. */
static uint64_t raise(struct domain *domain, struct regs *regs)
{
	uint64_t previous = gate_raise(domain);

	(void)regs;
	write_cr3(this_cpu->gate.current->cr3);
	return previous;
}

static void drop(uint64_t previous)
{
	gate_drop(previous);
	write_cr3(this_cpu->gate.current->cr3);
}

static void switch_out(struct thread *previous)
{
	struct space *space = previous->process->space;

	gate_switch_out(previous);
	if (space && previous->domain)
		write_cr3(space->pml4);
}

static void switch_in(struct thread *next, void (*entry)(void))
{
	gate_switch_in(next, entry);
	if (this_cpu->gate.current->domain)
		write_cr3(this_cpu->gate.current->cr3);
}

static void switch_in_plain(struct thread *next)
{
	switch_in(next, syscall_gate_entry);
}

static void switch_in_kpti(struct thread *next)
{
	switch_in(next, syscall_gate_entry_kpti);
}

#define SYSCALL_BACKEND                                                                                      \
	.domains_max = DOMAIN_SLOT_COUNT, .build_gate = build_gate, .entry = gate_thunk,                     \
	.nested_entry = nested_entry, .link = link, .unlink = unlink, .refresh = refresh_all, .sync = sync,  \
	.inside = gate_inside, .entered = gate_entered, .exit_address = gate_exit_address, .raise = raise,   \
	.drop = drop, .switch_out = switch_out

static const struct backend syscall_plain = {
        .name = "syscall", SYSCALL_BACKEND, .switch_in = switch_in_plain};
static const struct backend syscall_kpti = {
        .name = "syscall-kpti", SYSCALL_BACKEND, .switch_in = switch_in_kpti};

REGISTER_BACKEND(syscall_plain);
REGISTER_BACKEND(syscall_kpti);
