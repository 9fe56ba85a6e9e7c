/*
 * Backend `kernel`, kernel half: domains are supervisor memory, libraries run in ring 0.
 */
#include "domain/backend.h"
#include "domain/gate.h"
#include "domain/patch.h"
#include "gate.h"
#include "kernel/gate_values.h"
#include "lib/errno.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"

#define GATE_COPY_MAX 64

extern const char kernel_gate[], kernel_gate_end[];
void kernel_gate_plain(void);
void kernel_gate_general(void);
void kernel_gate_vector(void);

static void (*const entries[])(void) = {
        [PLAN_SCRUB_NONE] = kernel_gate_plain,
        [PLAN_SCRUB_GENERAL] = kernel_gate_general,
        [PLAN_SCRUB_VECTOR] = kernel_gate_vector,
};

static long create(struct domain *domain, struct space *space)
{
	(void)space;
	domain->page_bits = 0; /* supervisor pages */
	return 0;
}

static long build_gate(struct domain *domain)
{
	char code[GATE_COPY_MAX];
	size_t size = (size_t)(kernel_gate_end - kernel_gate);
	unsigned count = domain->descriptor.entry_count;
	long error;

	kassert(size <= sizeof(code));
	memcpy(code, kernel_gate, size);
	gate_patch(code, size, PLACEHOLDER_NUMBER, GATE_CALL | domain->slot << GATE_SLOT_SHIFT);
	error = domain_write_gate(domain, DOMAIN_GATE_OPEN, PTE_U, code, code + size, count);
	if (!error)
		error = domain_write_gate(domain, DOMAIN_GATE_NESTED, domain->page_bits, code, code + size,
		                          count);
	return error;
}

/* Ring 0 may not execute the application's pages: libraries use a second copy of the gate. */
static uint64_t nested_entry(const struct domain *from, const struct domain *to, unsigned index)
{
	(void)from;
	return gate_thunk(to, index) + DOMAIN_GATE_NESTED;
}

static long link(struct domain *domain, struct space *space)
{
	if (!gate_open(domain, space))
		return -ENOMEM;
	return domain_link_subtree(domain, space);
}

static void unlink(struct domain *domain, struct space *space)
{
	gate_close(domain, space);
	domain_unlink_subtree(domain, space);
}

static uint64_t raise(struct domain *domain, struct regs *regs)
{
	regs->cs = SELECTOR_KERNEL_CODE | CS_USER_GS;
	regs->ss = SELECTOR_KERNEL_DATA;
	regs->rflags |= RFLAGS_AC;
	return gate_raise(domain);
}

static void switch_in(struct thread *next)
{
	gate_switch_in(next, entries[next->process->run->line->scrub]);
}

static const struct backend kernel = {
        .name = "kernel",
        .domains_max = DOMAIN_SLOT_COUNT,
        .create = create,
        .build_gate = build_gate,
        .entry = gate_thunk,
        .nested_entry = nested_entry,
        .link = link,
        .unlink = unlink,
        .inside = gate_inside,
        .entered = gate_entered,
        .exit_address = gate_exit_address,
        .raise = raise,
        .drop = gate_drop,
        .switch_out = gate_switch_out,
        .switch_in = switch_in,
};

REGISTER_BACKEND(kernel);
