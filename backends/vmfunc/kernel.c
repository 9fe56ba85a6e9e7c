/*
 * Backend `vmfunc`, kernel half: an EPT view for each domain (guest/vmx/vmx.h), and the gate's copy.
 *
 * The page tables of a domain are ordinary user memory in every process that is attached. Its frames are
 * absent from the application's view, in which the kernel runs, too: the kernel reaches them in its own view,
 * by open() and close().
 */
#include "domain/backend.h"
#include "domain/patch.h"
#include "domain/upcall.h"
#include "gate.h"
#include "lib/errno.h"
#include "mm/pagetable.h"
#include "plan/run.h"
#include "proc/process.h"
#include "vmfunc/gate_values.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"
#include "x86/fpu.h"

#define GATE_COPY_MAX 512

/* Gates of a library to others: two pages each, by the callee's slot: code, then thunks. */
#define NESTED_PLACE       0x8000
#define NESTED_SIZE        (2 * PAGE_SIZE)
#define NESTED_ENTRIES_MAX (PAGE_SIZE / 16)

_Static_assert(NESTED_PLACE + DOMAIN_SLOT_COUNT * NESTED_SIZE <= VIEW_NUMBER_OFFSET,
               "gates fit into the gate area");

extern const char vmfunc_gate_plain[], vmfunc_gate_plain_exit[], vmfunc_gate_plain_end[];
extern const char vmfunc_gate_general[], vmfunc_gate_general_exit[], vmfunc_gate_general_end[];
extern const char vmfunc_gate_vector[], vmfunc_gate_vector_exit[], vmfunc_gate_vector_end[];
extern const char vmfunc_nested_plain[], vmfunc_nested_plain_end[];
extern const char vmfunc_nested_general[], vmfunc_nested_general_end[];
extern const char vmfunc_nested_vector[], vmfunc_nested_vector_end[];

static const struct {
	const char *start, *exit, *end;
} gates[] = {
        [PLAN_SCRUB_NONE] = {vmfunc_gate_plain, vmfunc_gate_plain_exit, vmfunc_gate_plain_end},
        [PLAN_SCRUB_GENERAL] = {vmfunc_gate_general, vmfunc_gate_general_exit, vmfunc_gate_general_end},
        [PLAN_SCRUB_VECTOR] = {vmfunc_gate_vector, vmfunc_gate_vector_exit, vmfunc_gate_vector_end},
};

static const struct {
	const char *start, *end;
} nested_gates[] = {
        [PLAN_SCRUB_NONE] = {vmfunc_nested_plain, vmfunc_nested_plain_end},
        [PLAN_SCRUB_GENERAL] = {vmfunc_nested_general, vmfunc_nested_general_end},
        [PLAN_SCRUB_VECTOR] = {vmfunc_nested_vector, vmfunc_nested_vector_end},
};

/* ---- frames
 * ------------------------------------------------------------------------------------------------ */

/* domain->key is the number of the view. */
static long create(struct domain *domain, struct space *space)
{
	const char *failure = vmx_start();
	long view;

	(void)space;
	if (failure) {
		kprintf("backend vmfunc: %s\n", failure);
		return -ENOMEM;
	}
	view = view_create();
	if (view < 0)
		return view;
	domain->key = (unsigned)view;
	return 0;
}

static void destroy(struct domain *domain)
{
	view_destroy(domain->key);
}

/* Gates that the application enters stay in its view. The page that states the view is replaced: see
 * map_number(). */
static long own(struct domain *domain, uint64_t address, uint64_t entry)
{
	bool open = address - domain->base < NESTED_PLACE;
	unsigned flags =
	        (entry & PTE_NX ? 0 : VIEW_EXECUTE) | (open || entry & PTE_WIRE ? VIEW_SHARED : 0);

	if (address - domain->base == VIEW_NUMBER_OFFSET)
		return 0;
	return view_give(domain->key, entry & PTE_ADDRESS, flags);
}

static void go(unsigned view)
{
	if (view != view_current())
		view_switch(view);
}

static uint64_t open(void)
{
	unsigned previous = view_current();

	go(VIEW_KERNEL);
	return previous;
}

static void close(uint64_t previous)
{
	go((unsigned)previous);
}

/* ---- gates
 * ------------------------------------------------------------------------------------------------- */

/* Maps the page that states the view: after a fork there is a copy of what it was in the parent. */
static long map_number(struct domain *domain)
{
	uint64_t *entry = pagetable_create(domain->pml4, domain->base + VIEW_NUMBER_OFFSET, domain->account);

	if (!entry)
		return -ENOMEM;
	if (*entry)
		frame_put(*entry & PTE_ADDRESS);
	frame_get(view_page());
	*entry = view_page() | PTE_P | PTE_U | PTE_NX;
	return 0;
}

static long build_gate(struct domain *domain)
{
	enum plan_scrub scrub = current_process()->run->line->scrub;
	const struct {
		uint32_t mxcsr;
		uint16_t x87;
	} control_words = {MXCSR_DEFAULT, X87_CONTROL_DEFAULT};
	char code[GATE_COPY_MAX];
	size_t size = (size_t)(gates[scrub].end - gates[scrub].start);
	long error;

	kassert(size <= sizeof(code));
	memcpy(code, gates[scrub].start, size);
	gate_patch(code, size, PLACEHOLDER_VIEW, domain->key);
	gate_patch(code, size, PLACEHOLDER_COUNT, domain->descriptor.entry_count);
	gate_patch(code, size, PLACEHOLDER_STACK, THREAD_PAGE_STACKS + domain->slot * sizeof(uint64_t));
	domain->exit_address = domain->base + (uint64_t)(gates[scrub].exit - gates[scrub].start);
	error = map_number(domain);
	if (!error)
		error = domain_write(domain, GATE_CONTROL_WORDS, &control_words, sizeof(control_words));
	if (!error)
		error = domain_write_gate(domain, DOMAIN_GATE_OPEN, PTE_U, code, code + size,
		                          domain->descriptor.entry_count);
	return error;
}

static uint64_t nested_place(const struct domain *to)
{
	return NESTED_PLACE + to->slot * NESTED_SIZE;
}

/* The callee's view executes the first page of a gate to it: where the gate goes on behind its VMFUNC. */
static long link_nested(struct domain *from, struct domain *to)
{
	enum plan_scrub scrub = current_process()->run->line->scrub;
	size_t size = (size_t)(nested_gates[scrub].end - nested_gates[scrub].start);
	uint64_t place = nested_place(to);
	char code[GATE_COPY_MAX];
	long error;

	kassert(size <= sizeof(code));
	if (to->descriptor.entry_count > NESTED_ENTRIES_MAX)
		return -ENOSPC;
	memcpy(code, nested_gates[scrub].start, size);
	gate_patch_address(code, size, PLACEHOLDER_NUMBER, from->base + VIEW_NUMBER_OFFSET);
	gate_patch(code, size, PLACEHOLDER_CALLER_VIEW, from->key);
	gate_patch(code, size, PLACEHOLDER_CALLER_STACK, THREAD_PAGE_STACKS + from->slot * sizeof(uint64_t));
	gate_patch(code, size, PLACEHOLDER_VIEW, to->key);
	gate_patch(code, size, PLACEHOLDER_COUNT, to->descriptor.entry_count);
	gate_patch(code, size, PLACEHOLDER_STACK, THREAD_PAGE_STACKS + to->slot * sizeof(uint64_t));
	gate_patch_address(code, size, PLACEHOLDER_ENTRIES, to->base + GATE_ENTRIES);
	error = domain_write_gate(from, place, PTE_U, code, code + size, to->descriptor.entry_count);
	if (error)
		return error;
	return view_give(to->key, *pagetable_entry(from->pml4, from->base + place) & PTE_ADDRESS,
	                 VIEW_EXECUTE | VIEW_SHARED);
}

static uint64_t nested_entry(const struct domain *from, const struct domain *to, unsigned index)
{
	return gate_thunk(from, index) + nested_place(to);
}

static bool has_nested_gate(const struct domain *from, const struct domain *to)
{
	const uint64_t *entry = pagetable_entry(from->pml4, from->base + nested_place(to));

	return entry && *entry;
}

/* In a copy by fork the page that states the view is a copy, too: the gate names the parent's view. */
static bool is_copy(const struct domain *domain)
{
	return (*pagetable_entry(domain->pml4, domain->base + VIEW_NUMBER_OFFSET) & PTE_ADDRESS) !=
	       view_page();
}

/* After a fork all gates of the domain, and those between it and others, name views of the parent's. */
static long link(struct domain *domain, struct space *space)
{
	long error = is_copy(domain) ? build_gate(domain) : 0;

	for (unsigned i = 0; !error && i < DOMAIN_SLOT_COUNT; i++) {
		struct domain *other = space->domains->slots[i].domain;

		if (!other || other == domain)
			continue;
		if (!domain->shared && has_nested_gate(domain, other))
			error = link_nested(domain, other);
		if (!error && !other->shared && has_nested_gate(other, domain))
			error = link_nested(other, domain);
	}
	return error ? error : domain_link_subtree(domain, space);
}

/* ---- rights
 * ------------------------------------------------------------------------------------------------ */

static struct domain *inside(void)
{
	unsigned view = view_current();
	const struct domain_table *table = current_process()->space->domains;

	if (view == VIEW_APPLICATION || !table)
		return NULL;
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (table->slots[i].domain && table->slots[i].domain->key == view)
			return table->slots[i].domain;
	return NULL;
}

static bool entered(const struct domain *domain, const struct thread *thread)
{
	unsigned view = thread == current_thread() ? view_current() : thread->view;

	return domain_record(domain, thread) || view == domain->key;
}

static uint64_t exit_address(void)
{
	return domain_exit_by_record(inside());
}

static uint64_t raise(struct domain *domain, struct regs *regs)
{
	unsigned previous = view_current();

	(void)regs;
	go(domain->key);
	return previous;
}

static void drop(uint64_t previous)
{
	go((unsigned)previous);
}

/* ---- threads
 * ----------------------------------------------------------------------------------------------- */

static bool is_domain_address(uint64_t address)
{
	return address >= DOMAIN_BASE && address < DOMAIN_END;
}

/*
 * A fetch that the current view forbids, outside every domain: the thread came into the view by a VMFUNC that
 * is no gate's. (A library that jumps out of its domain looks the same, and ends the same.)
 */
static void trapped(struct regs *regs)
{
	struct process *process = current_process();
	struct violation violation = vmx_violation;

	vmx_violation.pending = false;
	if (!violation.pending || violation.view == VIEW_APPLICATION || is_domain_address(regs->rip))
		return;
	if (!(violation.qualification & VIOLATION_FETCH))
		return;
	kprintf("stray VMFUNC before %lx in %s: view %u does not execute it\n", regs->rip, process->comm,
	        violation.view);
	run_fatal_fault(process, SIGKILL, violation.address, regs->rip);
	process_start_exit(process, STATUS_KILLED(SIGKILL));
	if (upcall_is_active())
		upcall_abort();
	go(VIEW_APPLICATION);
	thread_exit(process->exit_status);
}

static void switch_out(struct thread *previous)
{
	previous->view = view_current();
	go(VIEW_APPLICATION);
}

static void switch_in(struct thread *next)
{
	go(next->view);
}

static const struct backend vmfunc = {
        .name = "vmfunc",
        .domains_max = DOMAIN_SLOT_COUNT,
        .missing = vmx_missing,
        .create = create,
        .destroy = destroy,
        .build_gate = build_gate,
        .entry = gate_thunk,
        .link_nested = link_nested,
        .nested_entry = nested_entry,
        .own = own,
        .open = open,
        .close = close,
        .link = link,
        .unlink = domain_unlink_subtree,
        .inside = inside,
        .entered = entered,
        .exit_address = exit_address,
        .raise = raise,
        .drop = drop,
        .trapped = trapped,
        .switch_out = switch_out,
        .switch_in = switch_in,
};

REGISTER_BACKEND(vmfunc);
