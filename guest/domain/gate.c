#include "domain/gate.h"

#include "lib/errno.h"
#include "mm/heap.h"
#include "proc/process.h"
#include "x86/cpu.h"
#include "x86/entry.h"

_Static_assert(sizeof(struct gate) == 1 << GATE_SHIFT, "gates in assembly scale by it");
_Static_assert(sizeof(struct gate_frame) == GATE_FRAME_SIZE, "gates in assembly push it");
_Static_assert(offsetof(struct gate, functions) == GATE_FUNCTIONS, "offset used by gates");
_Static_assert(offsetof(struct gate, stack) == GATE_STACK, "offset used by gates");
_Static_assert(offsetof(struct gate, cr3) == GATE_CR3, "offset used by gates");
_Static_assert(offsetof(struct gate, domain) == GATE_DOMAIN, "offset used by gates");
_Static_assert(offsetof(struct gate, entry) == GATE_ENTRY, "offset used by gates");

static struct gate_table no_gates; /* of spaces without domains: every number is refused */

static struct gate_table *table_of(const struct space *space)
{
	return space && space->domains && space->domains->gates ? space->domains->gates : &no_gates;
}

/* What the current space's gates are: after a switch, an attach, an exec. */
static void use_table(struct gate_table *table)
{
	bool outside = !this_cpu->gate.current || !this_cpu->gate.current->domain;

	this_cpu->gate.table = table->gates;
	if (outside)
		this_cpu->gate.current = &table->application;
}

struct gate *gate_open(struct domain *domain, struct space *space)
{
	struct domain_table *domains = space->domains;
	struct gate *gate;

	if (!domains->gates)
		domains->gates = kzalloc(sizeof(*domains->gates));
	if (!domains->gates)
		return NULL;
	gate = &domains->gates->gates[domain->slot];
	*gate = (struct gate){
	        .count = domain->descriptor.entry_count,
	        .functions = domain->functions,
	        .stack = domain->slot * sizeof(uint64_t),
	        .domain = domain,
	};
	if (current_process()->space == space)
		use_table(domains->gates);
	return gate;
}

void gate_close(struct domain *domain, struct space *space)
{
	space->domains->gates->gates[domain->slot] = (struct gate){0};
}

void gate_release(struct space *space)
{
	if (this_cpu->gate.table == space->domains->gates->gates) {
		this_cpu->gate.table = no_gates.gates;
		this_cpu->gate.current = &no_gates.application;
	}
	kfree(space->domains->gates);
}

struct domain *gate_inside(void)
{
	return this_cpu->gate.current ? this_cpu->gate.current->domain : NULL;
}

bool gate_entered(const struct domain *domain, const struct thread *thread)
{
	bool current = thread == current_thread();
	const struct gate *gate = current ? this_cpu->gate.current : thread->gate.current;
	uint64_t frames = current ? this_cpu->gate.frames : thread->gate.frames;

	if (gate && gate->domain == domain)
		return true;
	for (; frames && frames < (uint64_t)&thread->gate_frames[GATE_DEPTH_MAX]; frames += GATE_FRAME_SIZE)
		if (((const struct gate_frame *)frames)->previous->domain == domain)
			return true;
	return false;
}

/* Not the gate's last instruction: a program may make the system call anywhere. */
uint64_t gate_exit_address(void)
{
	const struct gate_frame *innermost = (const struct gate_frame *)this_cpu->gate.frames;

	if (innermost == &current_thread()->gate_frames[GATE_DEPTH_MAX])
		return 0; /* a call by the kernel: nothing to wait for but its end */
	return innermost->rip;
}

uint64_t gate_raise(struct domain *domain)
{
	uint64_t previous = (uint64_t)this_cpu->gate.current;

	this_cpu->gate.current = &this_cpu->gate.table[domain->slot];
	return previous;
}

void gate_drop(uint64_t previous)
{
	this_cpu->gate.current = (struct gate *)previous;
}

void gate_switch_out(struct thread *previous)
{
	/* Member by member: a string instruction would not use the segment. */
	previous->gate.table = this_cpu->gate.table;
	previous->gate.current = this_cpu->gate.current;
	previous->gate.frames = this_cpu->gate.frames;
	previous->domain = gate_inside();
	write_msr(MSR_LSTAR, (uint64_t)syscall_entry);
}

void gate_switch_in(struct thread *next, void (*entry)(void))
{
	uint64_t frames = (uint64_t)next->gate_frames;

	if (!next->gate.frames)
		next->gate.frames = frames + GATE_DEPTH_MAX * GATE_FRAME_SIZE;
	this_cpu->gate.current = next->gate.current;
	this_cpu->gate.frames = next->gate.frames;
	this_cpu->gate.frames_limit = frames + GATE_FRAME_SIZE;
	this_cpu->gate.stacks = next->stack_tops;
	use_table(table_of(next->process->space));
	write_msr(MSR_LSTAR, (uint64_t)entry);
}
