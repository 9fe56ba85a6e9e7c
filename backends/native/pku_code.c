/* The code of backend `pku`'s gates, and threads that are interrupted in it. */
#include "native/pku_code.h"

#include <string.h>

#include "guest/plan/plan.h"
#include "native/monitor.h"

#define FLAG_TRAP 0x100 /* RFLAGS: SDM vol. 1, 3.4.3 */
#define JUMP_NEAR 0x0f  /* first byte of a conditional jump with a long distance */
#define GATE_STEP 16    /* what a gate that scrubs has below its two words */

extern const char native_pku_plain[], native_pku_plain_end[], native_pku_general[], native_pku_general_end[],
        native_pku_vector[], native_pku_vector_end[];

/* The labels of a gate's first body. */
#define LABELS(name)                                                                                         \
	extern const char name##_raise0[], name##_taken0[], name##_inside0[], name##_call0[],                \
	        name##_leave0[], name##_drop0[], name##_tail0[], name##_wait0[], name##_slow0[],             \
	        name##_cells0[], name##_check_rights0[], name##_check_rights1[], name##_check_drop0[],       \
	        name##_check_drop1[], name##_check_index0[], name##_check_index1[], name##_cells1[],         \
	        name##_call1[]
LABELS(native_pku_plain);
LABELS(native_pku_general);
LABELS(native_pku_vector);

#define GATE(name, below)                                                                                    \
	{                                                                                                    \
		name, name##_end, name##_raise0, name##_taken0, name##_inside0, name##_call0, name##_leave0, \
		        name##_drop0, name##_tail0, name##_wait0, name##_slow0,                              \
		        {name##_cells0, name##_cells1}, {name##_call0, name##_call1},                        \
		        {name##_check_rights0, name##_check_rights1},                                        \
		        {name##_check_drop0, name##_check_drop1},                                            \
		        {name##_check_index0, name##_check_index1}, below                                    \
	}

static const struct gate {
	const char *start, *end, *raise, *taken, *inside, *call, *leave, *drop, *tail, *wait, *slow;
	const char *cells[2], *calls[2], *rights[2], *drops[2], *index[2];
	unsigned below; /* bytes of the protected stack below its top, before the call */
} gates[] = {
        [PLAN_SCRUB_NONE] = GATE(native_pku_plain, 16),
        [PLAN_SCRUB_GENERAL] = GATE(native_pku_general, 16 + GATE_STEP),
        [PLAN_SCRUB_VECTOR] = GATE(native_pku_vector, 16 + GATE_STEP),
};

#define NESTED_LABELS(name)                                                                                  \
	extern const char name[], name##_call[], name##_end[], name##_taken[], name##_pushed[],              \
	        name##_freed[], name##_back[], name##_wait[], name##_again[]
NESTED_LABELS(native_pku_nested_plain);
NESTED_LABELS(native_pku_nested_general);
NESTED_LABELS(native_pku_nested_vector);

#define NESTED(name)                                                                                         \
	{                                                                                                    \
		name, name##_call, name##_end, name##_taken, name##_pushed, name##_freed, name##_back,       \
		        name##_wait, name##_again                                                            \
	}

static const struct nested {
	const char *start, *call, *end, *taken, *pushed, *freed, *back, *wait, *again;
} nested_gates[] = {
        [PLAN_SCRUB_NONE] = NESTED(native_pku_nested_plain),
        [PLAN_SCRUB_GENERAL] = NESTED(native_pku_nested_general),
        [PLAN_SCRUB_VECTOR] = NESTED(native_pku_nested_vector),
};

static const struct gate *gate(void)
{
	return &gates[native_options.scrub];
}

/* ---- making it ---- */

/* Operands of `width` bytes. */
static void replace(uint8_t *code, size_t size, uint64_t placeholder, uint64_t value, size_t width)
{
	for (size_t i = 0; i + width <= size; i++)
		if (!memcmp(code + i, &placeholder, width))
			memcpy(code + i, &value, width);
}

/* What is the same in all gates to a domain. */
static void fill_in(const struct native_domain *domain, unsigned key, uint8_t *code, size_t size,
                    uint32_t rights)
{
	replace(code, size, PKU_PLACEHOLDER_RIGHTS, rights & ~(3u << 2 * key), 4);
	replace(code, size, PKU_PLACEHOLDER_COUNT, domain->plan.descriptor.entry_count, 4);
	replace(code, size, PKU_PLACEHOLDER_SLOTS, domain->slot_count - 1, 4);
	replace(code, size, PKU_PLACEHOLDER_WRAP, (domain->slot_count - 1) * sizeof(uint64_t), 4);
}

/* mov $index, %eax; jmp gate */
static void write_thunks(uint8_t *thunks, const uint8_t *gate_code, unsigned count)
{
	for (unsigned i = 0; i < count; i++, thunks += PKU_THUNK_SIZE) {
		int32_t distance = (int32_t)(gate_code - (thunks + 10));

		thunks[0] = 0xb8;
		memcpy(thunks + 1, &i, sizeof(i));
		thunks[5] = 0xe9;
		memcpy(thunks + 6, &distance, sizeof(distance));
	}
}

/* A conditional jump becomes nothing. */
static void weaken(uint8_t *code, const char *const jumps[2])
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *jump = code + (jumps[i] - gate()->start);

		memset(jump, 0x90, *jump == JUMP_NEAR ? 6 : 2);
	}
}

/* The distance at the end of an instruction, by so many cells. */
static void move(uint8_t *behind, unsigned cells)
{
	uint32_t distance;

	memcpy(&distance, behind - sizeof(distance), sizeof(distance));
	distance += cells * (uint32_t)sizeof(uint64_t);
	memcpy(behind - sizeof(distance), &distance, sizeof(distance));
}

void pku_write_gate(const struct native_domain *domain, unsigned key, uint8_t *code)
{
	static const uint8_t fallback[] = {0x48, 0xc7, 0xc0, 0xff,
	                                   0xff, 0xff, 0xff, 0xc3}; /* mov $-1, %rax; ret */
	size_t size = (size_t)(gate()->end - gate()->start);

	memcpy(code, gate()->start, size);
	fill_in(domain, key, code, size, NATIVE_PKRU);
	for (unsigned i = 0; i < 2; i++) {
		move(code + (gate()->cells[i] - gate()->start), domain->first_slot);
		move(code + (gate()->calls[i] - gate()->start), -domain->first_slot);
	}
	memcpy(code + PKU_FALLBACK, fallback, sizeof(fallback));
	if (native_weakened(NATIVE_WEAKEN_RIGHTS)) {
		weaken(code, gate()->rights);
		weaken(code, gate()->drops);
	}
	if (native_weakened(NATIVE_WEAKEN_INDEX))
		weaken(code, gate()->index);
	write_thunks(code + PKU_THUNKS, code, domain->plan.descriptor.entry_count);
}

void pku_write_nested(const struct native_domain *from, const struct native_domain *to, unsigned key,
                      uint8_t *code)
{
	const char *start = nested_gates[native_options.scrub].start;
	size_t size = (size_t)(nested_gates[native_options.scrub].end - start);

	memcpy(code, start, size);
	fill_in(to, key, code, size, 0xffffffff);
	replace(code, size, PKU_PLACEHOLDER_SECRET, from->base + PKU_SECRET, 8);
	replace(code, size, PKU_PLACEHOLDER_CELLS, to->base + PKU_CELLS + to->first_slot * sizeof(uint64_t),
	        8);
	move(code + (nested_gates[native_options.scrub].call - start), -to->first_slot);
	write_thunks(code + PKU_NESTED_THUNKS, code, to->plan.descriptor.entry_count);
}

/* ---- interrupted threads ---- */

static uint64_t offset_in_domain(uint64_t address)
{
	return address & (PORTCULLIS_DOMAIN_SIZE - 1);
}

bool pku_on_stack(uint64_t address)
{
	return domain_holds(address) && offset_in_domain(address) - PORTCULLIS_STACKS_OFFSET <
	                                        (uint64_t)PORTCULLIS_THREADS_MAX * PORTCULLIS_STACK_STRIDE;
}

bool pku_landing(uint64_t address)
{
	return domain_holds(address) && offset_in_domain(address) - PKU_LANDING_OFFSET <
	                                        (uint64_t)PORTCULLIS_THREADS_MAX * PKU_LANDING_SIZE;
}

/* Where in a gate's body that is; the gate's size or more: nowhere. */
static uint64_t place_in_gate(uint64_t instruction, uint64_t *body)
{
	uint64_t place = offset_in_domain(instruction) - PORTCULLIS_GATE_OFFSET;

	if (!domain_holds(instruction) || place >= (uint64_t)(gate()->end - gate()->start))
		return PKU_TWIN;
	*body = place >= PKU_TWIN ? PKU_TWIN : 0;
	return place - *body;
}

void pku_leave_gate(greg_t *registers)
{
	uint64_t instruction = (uint64_t)registers[REG_RIP], body = 0,
	         place = place_in_gate(instruction, &body);
	const char *at = gate()->start + place, *to;

	if (place == PKU_TWIN)
		return;
	if ((at >= gate()->raise && at < gate()->inside) ||
	    (!body && at >= gate()->wait && at < gate()->slow))
		to = gate()->raise;
	else if (at >= gate()->leave && at < gate()->tail)
		to = gate()->drop;
	else
		return;
	if (pku_landing((uint64_t)registers[REG_RSP]))
		registers[REG_RSP] = registers[REG_RCX];
	registers[REG_RIP] = (greg_t)(instruction - place + (uint64_t)(to - gate()->start));
	registers[REG_EFL] &= ~(greg_t)FLAG_TRAP; /* or it would never get further */
}

bool pku_in_gate(uint64_t instruction)
{
	uint64_t offset = offset_in_domain(instruction);

	return domain_holds(instruction) &&
	       (offset - PORTCULLIS_GATE_OFFSET < PORTCULLIS_GATE_SIZE ||
	        offset - PKU_NESTED < (uint64_t)NATIVE_DOMAINS_MAX * PKU_NESTED_SIZE);
}

bool pku_possible(uint64_t instruction)
{
	uint64_t body, place = place_in_gate(instruction, &body);
	const char *at = gate()->start + place;

	return place == PKU_TWIN || (at >= gate()->taken && at < gate()->leave);
}

/* Is a thread at this instruction between two libraries' stacks, with the caller's stack pointer in RCX? */
static bool is_between(uint64_t instruction)
{
	const struct nested *nested = &nested_gates[native_options.scrub];
	uint64_t offset = offset_in_domain(instruction) - PKU_NESTED;
	const char *at = nested->start + offset % PKU_NESTED_SIZE;

	return domain_holds(instruction) && offset < (uint64_t)NATIVE_DOMAINS_MAX * PKU_NESTED_SIZE &&
	       ((at >= nested->taken && at < nested->pushed) || (at >= nested->freed && at < nested->back) ||
	        (at >= nested->wait && at < nested->again));
}

/* The word below a stack's top is the stack pointer of who entered: of a library that calls another one, it
 * leads to that library's stack. */
void pku_divert(greg_t *registers)
{
	uint64_t instruction = (uint64_t)registers[REG_RIP], body, base, top, *back;
	uint64_t at = (uint64_t)registers[is_between(instruction) ? REG_RCX : REG_RSP];

	if (place_in_gate(instruction, &body) != PKU_TWIN) {
		if (!body)
			registers[REG_RIP] += PKU_TWIN;
		return;
	}
	do {
		base = at & ~(PORTCULLIS_DOMAIN_SIZE - 1);
		top = (at - 1) / PORTCULLIS_STACK_STRIDE * PORTCULLIS_STACK_STRIDE + PORTCULLIS_STACK_STRIDE;
		at = ((uint64_t *)top)[-1];
	} while (pku_on_stack(at));
	back = (uint64_t *)(top - gate()->below) - 1;
	if (*back == base + PORTCULLIS_GATE_OFFSET + (uint64_t)(gate()->calls[0] - gate()->start))
		*back += PKU_TWIN;
}
