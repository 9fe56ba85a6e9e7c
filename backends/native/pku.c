/*
 * Backend `pku`: WRPKRU changes the rights to a domain's pages. See pku_gate.S for the gate and monitor.h for
 * what guards it.
 */
#include "native/pku.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/plan/plan.h"
#include "native/domain.h"
#include "native/frames.h"
#include "native/monitor.h"
#include "native/text.h"

#define FLAG_TRAP  0x100 /* RFLAGS: SDM vol. 1, 3.4.3 */
#define THUNK_SIZE 16
#define JUMP_NEAR  0x0f /* first byte of a conditional jump with a long distance */
#define GATE_STEP  16   /* what a gate that scrubs has below its two words */

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

extern const char native_pku_nested_plain[], native_pku_nested_plain_call[], native_pku_nested_plain_end[],
        native_pku_nested_general[], native_pku_nested_general_call[], native_pku_nested_general_end[],
        native_pku_nested_vector[], native_pku_nested_vector_call[], native_pku_nested_vector_end[];

static const struct {
	const char *start, *call, *end;
} nested_gates[] = {
        [PLAN_SCRUB_NONE] = {native_pku_nested_plain, native_pku_nested_plain_call,
                             native_pku_nested_plain_end},
        [PLAN_SCRUB_GENERAL] = {native_pku_nested_general, native_pku_nested_general_call,
                                native_pku_nested_general_end},
        [PLAN_SCRUB_VECTOR] = {native_pku_nested_vector, native_pku_nested_vector_call,
                               native_pku_nested_vector_end},
};

static int own_key = -1;
static int keys[NATIVE_DOMAINS_MAX];

static const struct gate *gate(void)
{
	return &gates[native_options.scrub];
}

/* ---- keys ---- */

static long take_key(void)
{
	return native_call(SYS_pkey_alloc, 0, 0, 0, 0, 0, 0);
}

static void free_key(long key)
{
	native_call(SYS_pkey_free, key, 0, 0, 0, 0, 0);
}

static long set(uint64_t start, uint64_t size, int rights, int key)
{
	return size ? native_call(SYS_pkey_mprotect, (long)start, (long)size, rights, key, 0, 0) : 0;
}

long pku_own(uint64_t start, uint64_t size)
{
	return set(start, size, PROT_READ | PROT_WRITE, own_key);
}

static const char *missing(void)
{
	unsigned a, b, c, d;
	long key;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & 8))
		return "this CPU has no protection keys (CPUID leaf 7, ECX bit 3)";
	if (!(c & 16))
		return "this kernel does not use the protection keys that this CPU has (CPUID leaf 7, ECX "
		       "bit 4)";
	if (!(b & 256))
		return "this CPU has no RORX (CPUID leaf 7, EBX bit 8), which the gate uses";
	key = take_key();
	if (key < 0)
		return key == -ENOSPC ? "no protection key is free" : "this kernel gives no protection keys";
	free_key(key);
	return NULL;
}

static const char *weaker(void)
{
	return frames_ignore_keys() ? "signal frames ignore keys" : NULL;
}

static const char *start(void)
{
	const char *sentence = missing();

	if (!sentence)
		own_key = (int)take_key();
	return sentence;
}

/* ---- the domain ---- */

static uint64_t landing_top(const struct native_domain *domain, unsigned slot)
{
	return domain->base + PKU_LANDING_OFFSET + (slot + 1) * (uint64_t)PKU_LANDING_SIZE;
}

/* The cells of this process's slots, and the tables beside them. */
static void free_stacks(const struct native_domain *domain)
{
	uint64_t *cells = (uint64_t *)(domain->base + PKU_CELLS);

	for (unsigned i = 0; i < domain->slot_count; i++) {
		unsigned slot = domain->first_slot + i;

		cells[slot] = domain_stack_top(domain, slot);
		cells[slot + PKU_TOPS / sizeof(uint64_t)] = domain_stack_top(domain, slot);
		cells[slot + PKU_LANDINGS / sizeof(uint64_t)] = landing_top(domain, slot);
	}
}

/* In a shared domain every process writes the same. */
static void fill_tables(const struct native_domain *domain)
{
	static const uint32_t control_words[2] = {0x1f80, 0x37f}; /* MXCSR, x87 (System V ABI) */
	struct native_gate *native = domain_gate(domain);

	native->fallback = domain->base + PORTCULLIS_GATE_OFFSET + PKU_FALLBACK;
	for (unsigned i = 0; i < domain->plan.descriptor.entry_count; i++)
		native->functions[i] = domain_function(domain, i);
	if (native->failed)
		domain_close_gate(native);
	memcpy((void *)(domain->base + PKU_CONTROL_WORDS), control_words, sizeof(control_words));
	free_stacks(domain);
}

/* ---- the gate's code ---- */

/* Operands of `width` bytes. */
static void replace(uint8_t *code, size_t size, uint64_t placeholder, uint64_t value, size_t width)
{
	for (size_t i = 0; i + width <= size; i++)
		if (!memcmp(code + i, &placeholder, width))
			memcpy(code + i, &value, width);
}

/* What is the same in all gates to a domain. */
static void fill_in(const struct native_domain *domain, uint8_t *code, size_t size, uint32_t rights)
{
	replace(code, size, PKU_PLACEHOLDER_RIGHTS, rights & ~(3u << 2 * keys[domain_number(domain)]), 4);
	replace(code, size, PKU_PLACEHOLDER_COUNT, domain->plan.descriptor.entry_count, 4);
	replace(code, size, PKU_PLACEHOLDER_SLOTS, domain->slot_count - 1, 4);
	replace(code, size, PKU_PLACEHOLDER_WRAP, (domain->slot_count - 1) * sizeof(uint64_t), 4);
}

/* mov $index, %eax; jmp gate */
static void write_thunks(uint8_t *thunks, const uint8_t *gate_code, unsigned count)
{
	for (unsigned i = 0; i < count; i++, thunks += THUNK_SIZE) {
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

static void write_gate(const struct native_domain *domain, uint8_t *code)
{
	static const uint8_t fallback[] = {0x48, 0xc7, 0xc0, 0xff,
	                                   0xff, 0xff, 0xff, 0xc3}; /* mov $-1, %rax; ret */
	size_t size = (size_t)(gate()->end - gate()->start);

	memcpy(code, gate()->start, size);
	fill_in(domain, code, size, NATIVE_PKRU);
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

static void write_nested(const struct native_domain *from, const struct native_domain *to, uint8_t *code)
{
	const char *start = nested_gates[native_options.scrub].start;
	size_t size = (size_t)(nested_gates[native_options.scrub].end - start);

	memcpy(code, start, size);
	fill_in(to, code, size, 0xffffffff);
	replace(code, size, PKU_PLACEHOLDER_SECRET, from->base + PKU_SECRET, 8);
	replace(code, size, PKU_PLACEHOLDER_CELLS, to->base + PKU_CELLS + to->first_slot * sizeof(uint64_t),
	        8);
	move(code + (nested_gates[native_options.scrub].call - start), -to->first_slot);
	write_thunks(code + PKU_NESTED_THUNKS, code, to->plan.descriptor.entry_count);
}

static uint64_t thunk(const struct native_domain *domain, unsigned index)
{
	return domain->base + PORTCULLIS_GATE_OFFSET + PKU_THUNKS + (uint64_t)index * THUNK_SIZE;
}

static long map(uint64_t start, uint64_t size, int rights)
{
	long at = native_call(SYS_mmap, (long)start, (long)size, rights,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	return at == (long)start ? 0 : at < 0 ? at : -EEXIST;
}

static void unmap(uint64_t start, uint64_t size)
{
	native_call(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

/* Pages for gate code: the runtime's alone while they are written. */
static long map_code(uint64_t start, uint64_t size)
{
	long error = map(start, size, PROT_NONE);

	return error ? error : pku_own(start, size);
}

static uint64_t code_size(uint64_t thunks, const struct native_domain *domain)
{
	return (thunks + domain->plan.descriptor.entry_count * THUNK_SIZE + PORTCULLIS_PAGE_SIZE - 1) &
	       ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
}

static long make_gate(const struct native_domain *domain)
{
	uint64_t start = domain->base + PORTCULLIS_GATE_OFFSET, size = code_size(PKU_THUNKS, domain);
	long error = map_code(start, size);

	if (error)
		return error;
	write_gate(domain, (uint8_t *)start);
	return set(start, size, PROT_READ | PROT_EXEC, 0);
}

static uint64_t nested_start(const struct native_domain *from, const struct native_domain *to)
{
	return from->base + PKU_NESTED + domain_number(to) * (uint64_t)PKU_NESTED_SIZE;
}

static long nest(const struct native_domain *from, const struct native_domain *to)
{
	uint64_t start = nested_start(from, to), size = code_size(PKU_NESTED_THUNKS, to);
	long error;

	/* It may have been another library's, which has been left. */
	unmap(start, PKU_NESTED_SIZE);
	error = map_code(start, size);
	if (error)
		return error;
	write_nested(from, to, (uint8_t *)start);
	return set(start, size, PROT_READ | PROT_EXEC, 0);
}

static uint64_t nested_thunk(const struct native_domain *from, const struct native_domain *to, unsigned index)
{
	return nested_start(from, to) + PKU_NESTED_THUNKS + (uint64_t)index * THUNK_SIZE;
}

/* ---- rights ---- */

/* What the library writes to is under its key; its text and constants are anybody's to read. */
static long set_segments(const struct native_domain *domain, int key)
{
	uint64_t base = domain->base + PORTCULLIS_IMAGE_OFFSET;
	long error = 0;

	for (unsigned i = 0; i < domain->plan.segment_count && !error; i++) {
		const struct image_segment *segment = &domain->plan.segments[i];
		uint64_t start = (base + segment->address) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1),
		         size = base + segment->address + segment->memory_size - start;

		if (segment->rights & IMAGE_WRITE) {
			error = set(start, size, PROT_READ | PROT_WRITE, key);
		} else {
			if (segment->rights & IMAGE_EXECUTE)
				error = text_add(start, (size + PORTCULLIS_PAGE_SIZE - 1) &
				                                ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1));
			if (!error)
				error = set(start, size,
				            PROT_READ | (segment->rights & IMAGE_EXECUTE ? PROT_EXEC : 0), 0);
		}
	}
	return error;
}

/* The stacks of this process's slots, and their landings. */
static long set_stacks(const struct native_domain *domain)
{
	uint64_t size = domain->plan.descriptor.stack_size;
	long error = map(landing_top(domain, domain->first_slot) - PKU_LANDING_SIZE,
	                 (uint64_t)domain->slot_count * PKU_LANDING_SIZE, PROT_READ | PROT_WRITE);

	for (unsigned i = 0; i < domain->slot_count && !error; i++)
		error = set(domain_stack_top(domain, domain->first_slot + i) - size, size,
		            PROT_READ | PROT_WRITE, keys[domain_number(domain)]);
	return error;
}

static long make_secret(const struct native_domain *domain)
{
	uint64_t *secret = (uint64_t *)(domain->base + PKU_SECRET);

	if (*secret) /* another process of a shared domain has made it */
		return 0;
	return native_call(SYS_getrandom, (long)secret, sizeof(*secret), 0, 0, 0, 0) == sizeof(*secret)
	               ? 0
	               : -EAGAIN;
}

static long protect(struct native_domain *domain)
{
	int *key = &keys[domain_number(domain)];
	long taken = take_key(), error;

	if (taken < 0)
		return taken;
	*key = (int)taken;
	fill_tables(domain);
	error = make_secret(domain);
	if (!error)
		error = set_stacks(domain);
	if (!error)
		error = make_gate(domain);
	if (!error)
		error = set_segments(domain, *key);
	if (!error)
		error = set(domain->base + PORTCULLIS_GATE_DATA_OFFSET, PORTCULLIS_GATE_DATA_SIZE,
		            PROT_READ | PROT_WRITE, *key);
	if (!error)
		error = set(domain->base + PORTCULLIS_HEAP_OFFSET, domain->plan.descriptor.heap_limit,
		            PROT_READ | PROT_WRITE, *key);
	return error;
}

/* Threads of the parent may have been inside. In a shared domain the child has other thread slots: new
 * stacks, and gates that lead to them. */
static void forked(const struct native_domain *domain)
{
	long error = 0;

	free_stacks(domain);
	if (!domain->shared)
		return;
	unmap(domain->base + PKU_LANDING_OFFSET, PORTCULLIS_THREADS_MAX * PKU_LANDING_SIZE);
	unmap(domain->base + PORTCULLIS_GATE_OFFSET, code_size(PKU_THUNKS, domain));
	error = set_stacks(domain) | make_gate(domain);
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
		const struct native_domain *from = domain_numbered(i);

		if (from && from->calls[domain_number(domain)])
			error |= nest(from, domain);
	}
	if (error)
		monitor_kill("portcullis: no memory for the gates of a child", 0);
}

static long cover(const struct native_domain *domain, uint64_t start, uint64_t size, int rights)
{
	return set(start, size, rights, keys[domain_number(domain)]);
}

/* Its pages are gone. */
static void release(const struct native_domain *domain)
{
	int *key = &keys[domain_number(domain)];

	if (*key)
		free_key(*key);
	*key = 0;
}

/* ---- calls of the monitor's own ---- */

/* Takes a free stack, as the gate does. */
static unsigned take_stack(const struct native_domain *domain)
{
	uint64_t *cells = domain_gate(domain)->inside;

	for (unsigned i = 0;; i = (i + 1) % domain->slot_count) {
		unsigned slot = domain->first_slot + i;
		uint64_t top = domain_stack_top(domain, slot);

		if (__atomic_compare_exchange_n(&cells[slot], &top, landing_top(domain, slot), false,
		                                __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return slot;
		if (i == domain->slot_count - 1)
			native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
}

static long call(const struct native_domain *domain, uint64_t function, uint64_t argument)
{
	unsigned slot = take_stack(domain);
	uint64_t top = domain_stack_top(domain, slot);
	long result = monitor_call(function, argument, top, monitor_thread());

	__atomic_store_n(&domain_gate(domain)->inside[slot], top, __ATOMIC_RELEASE);
	return result;
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

/* The word below a stack's top is the stack pointer of who entered: of a library that calls another one, it
 * leads to that library's stack. */
void pku_divert(greg_t *registers)
{
	uint64_t body, at = (uint64_t)registers[REG_RSP], base, top, *back;

	if (place_in_gate((uint64_t)registers[REG_RIP], &body) != PKU_TWIN) {
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

static const struct native_backend pku = {.name = "pku",
                                          .guarded = true,
                                          .missing = missing,
                                          .weaker = weaker,
                                          .start = start,
                                          .own = pku_own,
                                          .cover = cover,
                                          .protect = protect,
                                          .release = release,
                                          .entry = thunk,
                                          .nest = nest,
                                          .nested_entry = nested_thunk,
                                          .call = call,
                                          .forked = forked};

NATIVE_BACKEND(pku);
