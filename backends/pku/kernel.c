/*
 * Backend `pku`, kernel half: a protection key for each domain, PKRU values, and the gate's copy.
 *
 * A shared domain's key stands in page tables that several processes share, so it is the same in all of them;
 * a private one's is free in its process.
 */
#include "domain/backend.h"
#include "domain/patch.h"
#include "domain/switch.h"
#include "gate.h"
#include "lib/errno.h"
#include "pku/gate_values.h"
#include "pku/step.h"
#include "pku/watch.h"
#include "pku/weaken.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"
#include "x86/features.h"
#include "x86/fpu.h"

#define KEY_FIRST 1 /* key 0 is everybody's */
#define KEY_LAST  14
#define KEY_COUNT (KEY_LAST - KEY_FIRST + 1)

#define GATE_COPY_MAX 512

extern const char pku_gate_plain[], pku_gate_plain_exit[], pku_gate_plain_end[];
extern const char pku_gate_general[], pku_gate_general_exit[], pku_gate_general_end[];
extern const char pku_gate_vector[], pku_gate_vector_exit[], pku_gate_vector_end[];
extern const char pku_nested_plain[], pku_nested_plain_end[];
extern const char pku_nested_general[], pku_nested_general_end[];
extern const char pku_nested_vector[], pku_nested_vector_end[];

/* Gates of a library to others lie in its gate area, by the callee's key. */
#define NESTED_SIZE 0x8000

static const struct {
	const char *start, *exit, *end;
} gates[] = {
        [PLAN_SCRUB_NONE] = {pku_gate_plain, pku_gate_plain_exit, pku_gate_plain_end},
        [PLAN_SCRUB_GENERAL] = {pku_gate_general, pku_gate_general_exit, pku_gate_general_end},
        [PLAN_SCRUB_VECTOR] = {pku_gate_vector, pku_gate_vector_exit, pku_gate_vector_end},
};

static const struct {
	const char *start, *end;
} nested_gates[] = {
        [PLAN_SCRUB_NONE] = {pku_nested_plain, pku_nested_plain_end},
        [PLAN_SCRUB_GENERAL] = {pku_nested_general, pku_nested_general_end},
        [PLAN_SCRUB_VECTOR] = {pku_nested_vector, pku_nested_vector_end},
};

static uint16_t shared_keys; /* taken by shared domains, a bit each */

static const char *missing(void)
{
	return features.pku ? NULL : "this CPU has no protection keys (CPUID leaf 7, ECX bit 3)";
}

/* ---- keys -------------------------------------------------------------------------------------------------
 */

static uint32_t pkru_of(const struct domain *domain)
{
	return PKRU_APPLICATION & ~(3U << 2 * domain->key);
}

static uint16_t keys_in_use(const struct space *space)
{
	uint16_t keys = shared_keys;

	for (unsigned i = 0; space->domains && i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain)
			keys |= 1U << space->domains->slots[i].domain->key;
	return keys;
}

/* Private domains take keys from below, shared ones from above: other processes may attach to these. */
static long create(struct domain *domain, struct space *space)
{
	uint16_t used = keys_in_use(space);

	for (unsigned i = 0; !domain->key && i < KEY_COUNT; i++) {
		unsigned key = domain->shared ? KEY_LAST - i : KEY_FIRST + i;

		if (!(used & 1U << key))
			domain->key = key;
	}
	if (!domain->key)
		return -ENOSPC;
	domain->page_bits = PTE_U | (uint64_t)domain->key << PTE_KEY_SHIFT;
	if (domain->shared)
		shared_keys |= 1U << domain->key;
	return 0;
}

static void destroy(struct domain *domain)
{
	if (domain->shared)
		shared_keys &= ~(1U << domain->key);
}

/* When keys are scarce, a private domain of this process may have the shared domain's. */
static long link(struct domain *domain, struct space *space)
{
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++) {
		const struct domain *other = space->domains->slots[i].domain;

		if (other && other != domain && other->key == domain->key)
			return -ENOSPC;
	}
	return domain_link_subtree(domain, space);
}

/* ---- the gate ---------------------------------------------------------------------------------------------
 */

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
	weaken_gate(code, size);
	gate_patch(code, size, PLACEHOLDER_PKRU, pkru_of(domain));
	gate_patch(code, size, PLACEHOLDER_COUNT, domain->descriptor.entry_count);
	gate_patch(code, size, PLACEHOLDER_STACK, THREAD_PAGE_STACKS + domain->slot * sizeof(uint64_t));
	domain->exit_address = domain->base + (uint64_t)(gates[scrub].exit - gates[scrub].start);
	watch_domain(domain);
	error = domain_write(domain, GATE_CONTROL_WORDS, &control_words, sizeof(control_words));
	if (!error)
		error = domain_write_gate(domain, DOMAIN_GATE_OPEN, PTE_U, code, code + size,
		                          domain->descriptor.entry_count);
	return error;
}

static uint64_t nested_place(const struct domain *to)
{
	return DOMAIN_GATE_NESTED + to->key * (uint64_t)NESTED_SIZE;
}

static long link_nested(struct domain *from, struct domain *to)
{
	enum plan_scrub scrub = current_process()->run->line->scrub;
	size_t size = (size_t)(nested_gates[scrub].end - nested_gates[scrub].start);
	char code[GATE_COPY_MAX];

	kassert(size <= sizeof(code));
	memcpy(code, nested_gates[scrub].start, size);
	weaken_gate(code, size);
	gate_patch(code, size, PLACEHOLDER_CALLER_PKRU, pkru_of(from));
	gate_patch(code, size, PLACEHOLDER_CALLER_STACK, THREAD_PAGE_STACKS + from->slot * sizeof(uint64_t));
	gate_patch(code, size, PLACEHOLDER_PKRU, pkru_of(to));
	gate_patch(code, size, PLACEHOLDER_COUNT, to->descriptor.entry_count);
	gate_patch(code, size, PLACEHOLDER_STACK, THREAD_PAGE_STACKS + to->slot * sizeof(uint64_t));
	gate_patch_address(code, size, PLACEHOLDER_ENTRIES, to->base + GATE_ENTRIES);
	return domain_write_gate(from, nested_place(to), PTE_U, code, code + size,
	                         to->descriptor.entry_count);
}

static uint64_t nested_entry(const struct domain *from, const struct domain *to, unsigned index)
{
	return gate_thunk(from, index) + nested_place(to);
}

/* ---- rights -----------------------------------------------------------------------------------------------
 */

static struct domain *inside(void)
{
	uint32_t pkru = read_pkru();
	const struct domain_table *table = current_process()->space->domains;

	if (pkru == PKRU_APPLICATION || !table)
		return NULL;
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (table->slots[i].domain && pkru_of(table->slots[i].domain) == pkru)
			return table->slots[i].domain;
	return NULL;
}

static bool entered(const struct domain *domain, const struct thread *thread)
{
	uint32_t pkru = thread == current_thread() ? read_pkru() : thread->pkru;

	return domain_record(domain, thread) || pkru == pkru_of(domain);
}

static uint64_t exit_address(void)
{
	return domain_exit_by_record(inside());
}

static uint64_t raise(struct domain *domain, struct regs *regs)
{
	uint32_t previous = read_pkru();

	(void)regs;
	write_pkru(pkru_of(domain));
	return previous;
}

static void drop(uint64_t previous)
{
	write_pkru((uint32_t)previous);
}

static void fetch(struct domain *domain)
{
	(void)domain;
	step_wanted(current_thread()->regs->rip);
}

static const struct backend pku = {
        .name = "pku",
        .domains_max = KEY_COUNT,
        .missing = missing,
        .create = create,
        .destroy = destroy,
        .build_gate = build_gate,
        .entry = gate_thunk,
        .link_nested = link_nested,
        .nested_entry = nested_entry,
        .link = link,
        .unlink = domain_unlink_subtree,
        .inside = inside,
        .entered = entered,
        .exit_address = exit_address,
        .raise = raise,
        .drop = drop,
        .guard = watch_guard,
        .fetch = fetch,
        .trapped = step_trapped,
        .debug = step_debug,
        .resume = step_resume,
        .switch_out = watch_switch_out,
        .switch_in = watch_switch_in,
};

REGISTER_BACKEND(pku);
