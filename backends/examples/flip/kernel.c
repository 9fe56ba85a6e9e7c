/*
 * Backend `flip`, kernel half.
 *
 * The entry of a library's slot in the process's PML4 leads to a table of the gate pages alone, or, while the
 * running thread is inside, to all that the library has. Each change is followed by a flush of the TLB.
 */
#include "domain/backend.h"
#include "domain/gate.h"
#include "domain/patch.h"
#include "flip.h"
#include "lib/errno.h"
#include "mm/pagetable.h"
#include "proc/process.h"

#define GATE_COPY_MAX 64
#define INNER_OFFSET  (PORTCULLIS_GATE_SIZE - 2 * PAGE_SIZE) /* in the gate area, below the return thunk */
#define RFLAGS_START  (RFLAGS_MBS1 | RFLAGS_IF)

extern const char flip_gate[], flip_gate_end[], flip_inner[], flip_inner_end[];
void flip_entry(void);

/* ---- the flip ---- */

static uint64_t *slot_entry(paddr_t pml4, const struct domain *domain)
{
	return (uint64_t *)phys_to_virt(pml4) + PML4_SLOT(domain->base);
}

static void show(const struct domain *domain, struct space *space)
{
	*slot_entry(space->pml4, domain) = *slot_entry(domain->pml4, domain);
	space_flush_all(space);
}

/* The attachment's `view` holds the entry that leads to the gate pages. */
static void hide(const struct domain *domain, struct space *space)
{
	*slot_entry(space->pml4, domain) = space->domains->slots[domain->slot].view;
	space_flush_all(space);
}

/* From the rights of one library to those of another; NULL: the application's. */
static void flip(const struct domain *from, const struct domain *to)
{
	struct space *space = current_process()->space;

	if (from)
		hide(from, space);
	if (to)
		show(to, space);
}

/* ---- entrances ---- */

/* The address of the function, or -ENOSYS: no such entry point, or too deep. */
static long enter(struct flip_registers *registers)
{
	uint32_t number = (uint32_t)registers->rax, index = number & 0xffff;
	struct thread *thread = current_thread();
	struct gate *gate = &this_cpu->gate.table[number >> GATE_SLOT_SHIFT & GATE_SLOT_MASK];
	struct gate *caller = this_cpu->gate.current;
	struct gate_frame *frame = (struct gate_frame *)this_cpu->gate.frames - 1;

	if (index >= gate->count || frame < thread->gate_frames)
		return -ENOSYS;
	*frame = (struct gate_frame){0, caller, registers->rsp, registers->rflags, registers->rip};
	if (caller->domain) { /* which may be entered again: below what it has on its stack */
		frame->stack_top = thread->stack_tops[caller->domain->slot];
		thread->stack_tops[caller->domain->slot] = ALIGN_DOWN(registers->rsp, 16);
	}
	this_cpu->gate.frames = (uint64_t)frame;
	this_cpu->gate.current = gate;
	flip(caller->domain, gate->domain);
	registers->rip = gate->entry;
	registers->rsp = thread->stack_tops[gate->domain->slot];
	registers->rflags = RFLAGS_START;
	return (long)gate->functions[index];
}

/* The library function's value, or -ENOSYS: the thread has entered none. */
static long leave(struct flip_registers *registers)
{
	struct thread *thread = current_thread();
	const struct gate_frame *frame = (const struct gate_frame *)this_cpu->gate.frames;
	const struct domain *domain = this_cpu->gate.current->domain;
	long result = (long)registers->rdx;

	if (!domain || frame == &thread->gate_frames[GATE_DEPTH_MAX])
		return -ENOSYS;
	if (frame->previous->domain)
		thread->stack_tops[frame->previous->domain->slot] = frame->stack_top;
	this_cpu->gate.frames = (uint64_t)(frame + 1);
	this_cpu->gate.current = frame->previous;
	flip(domain, frame->previous->domain);
	registers->rip = frame->rip;
	registers->rsp = frame->rsp;
	registers->rflags = frame->rflags;
	registers->rdx = 0;
	return result;
}

void flip_call(struct flip_registers *registers)
{
	bool leaves = (uint32_t)registers->rax == FLIP_LEAVE;

	registers->rax = (uint64_t)(leaves ? leave(registers) : enter(registers));
}

/* ---- gates and page tables ---- */

static long build_gate(struct domain *domain)
{
	char code[GATE_COPY_MAX];
	size_t size = (size_t)(flip_gate_end - flip_gate);
	long error;

	kassert(size <= sizeof(code));
	memcpy(code, flip_gate, size);
	gate_patch(code, size, PLACEHOLDER_NUMBER, GATE_CALL | domain->slot << GATE_SLOT_SHIFT);
	error = domain_write_gate(domain, DOMAIN_GATE_OPEN, PTE_U, code, code + size,
	                          domain->descriptor.entry_count);
	if (!error)
		error = domain_write_code(domain, INNER_OFFSET, flip_inner,
		                          (size_t)(flip_inner_end - flip_inner));
	return error;
}

/* Libraries see the gate pages as the application does. */
static uint64_t nested_entry(const struct domain *from, const struct domain *to, unsigned index)
{
	(void)from;
	return gate_thunk(to, index);
}

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

static void unlink(struct domain *domain, struct space *space)
{
	gate_close(domain, space);
	hide(domain, space); /* a thread that ends inside leaves it shown */
	pagetable_free(space->pml4, domain->base, domain->base + PML4_SLOT_SIZE);
	space_flush_all(space);
}

static long link(struct domain *domain, struct space *space)
{
	struct gate *gate = gate_open(domain, space);
	long error;

	if (!gate)
		return -ENOMEM;
	gate->entry = domain->base + INNER_OFFSET;
	error = link_gate_pages(domain, space);
	space->domains->slots[domain->slot].view = *slot_entry(space->pml4, domain);
	if (error)
		unlink(domain, space);
	return error;
}

/* ---- threads ---- */

static uint64_t raise(struct domain *domain, struct regs *regs)
{
	(void)regs;
	flip(gate_inside(), domain);
	return gate_raise(domain);
}

static void drop(uint64_t previous)
{
	const struct domain *domain = gate_inside();

	gate_drop(previous);
	flip(domain, gate_inside());
}

/* Nobody sees what the thread that loses the CPU has seen. */
static void switch_out(struct thread *previous)
{
	struct space *space = previous->process->space;

	gate_switch_out(previous);
	if (space && previous->domain)
		hide(previous->domain, space);
}

static void switch_in(struct thread *next)
{
	gate_switch_in(next, flip_entry);
	if (gate_inside())
		show(gate_inside(), next->process->space);
}

static const struct backend flip_backend = {
        .name = "flip",
        .domains_max = DOMAIN_SLOT_COUNT,
        .build_gate = build_gate,
        .entry = gate_thunk,
        .nested_entry = nested_entry,
        .link = link,
        .unlink = unlink,
        .inside = gate_inside,
        .entered = gate_entered,
        .exit_address = gate_exit_address,
        .raise = raise,
        .drop = drop,
        .switch_out = switch_out,
        .switch_in = switch_in,
};

REGISTER_BACKEND(flip_backend);
