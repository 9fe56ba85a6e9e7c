/*
 * Backend `pku`: WRPKRU changes the rights to a domain's pages. See pku_gate.S for the gate and monitor.h for
 * what guards it.
 */
#include "native/pku_code.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "native/domain.h"
#include "native/frames.h"
#include "native/monitor.h"
#include "native/text.h"

static int own_key = -1;
static int keys[NATIVE_DOMAINS_MAX];

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

/* ---- the gate's pages ---- */

static uint64_t thunk(const struct native_domain *domain, unsigned index)
{
	return domain->base + PORTCULLIS_GATE_OFFSET + PKU_THUNKS + (uint64_t)index * PKU_THUNK_SIZE;
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
	return (thunks + domain->plan.descriptor.entry_count * PKU_THUNK_SIZE + PORTCULLIS_PAGE_SIZE - 1) &
	       ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
}

static long make_gate(const struct native_domain *domain)
{
	uint64_t start = domain->base + PORTCULLIS_GATE_OFFSET, size = code_size(PKU_THUNKS, domain);
	long error = map_code(start, size);

	if (error)
		return error;
	pku_write_gate(domain, (unsigned)keys[domain_number(domain)], (uint8_t *)start);
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
	pku_write_nested(from, to, (unsigned)keys[domain_number(to)], (uint8_t *)start);
	return set(start, size, PROT_READ | PROT_EXEC, 0);
}

static uint64_t nested_thunk(const struct native_domain *from, const struct native_domain *to, unsigned index)
{
	return nested_start(from, to) + PKU_NESTED_THUNKS + (uint64_t)index * PKU_THUNK_SIZE;
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
