/*
 * Backend `flip` on the native platform. A stock kernel lets no process exchange its page tables, but their
 * rights: while no thread is inside, nobody has any right on a domain, its text included. One thread at a
 * time is inside a domain; the others wait.
 */
#include "native/backend.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "native/domain.h"

#define THUNK_SIZE 32
#define PAGE_MASK  (~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1))

void flip_native_gate(void);

static volatile int taken[NATIVE_DOMAINS_MAX]; /* by the thread inside */

static void set_rights(uint64_t start, uint64_t size, int rights)
{
	if (size && native_call(SYS_mprotect, (long)start, (long)size, rights, 0, 0, 0))
		__builtin_trap(); /* neither inside nor outside */
}

static void set_all(const struct native_domain *domain, bool shown)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	uint64_t stack = domain_stack_top(domain, domain->first_slot) - image->stack_size;
	int data = shown ? PROT_READ | PROT_WRITE : PROT_NONE;

	for (unsigned i = 0; i < domain->plan.segment_count; i++) {
		const struct image_segment *segment = &domain->plan.segments[i];
		uint64_t start = domain->base + PORTCULLIS_IMAGE_OFFSET + segment->address;
		int rights = PROT_READ | (segment->rights & IMAGE_WRITE ? PROT_WRITE : 0) |
		             (segment->rights & IMAGE_EXECUTE ? PROT_EXEC : 0);

		set_rights(start & PAGE_MASK, segment->memory_size + (start & ~PAGE_MASK),
		           shown ? rights : PROT_NONE);
	}
	set_rights(domain->base + PORTCULLIS_GATE_DATA_OFFSET, PORTCULLIS_GATE_DATA_SIZE, data);
	set_rights(domain->base + PORTCULLIS_HEAP_OFFSET, image->heap_limit, data);
	set_rights(stack, image->stack_size, data);
}

/* The word that says whether somebody is inside: only who is can reach it. */
static uint64_t *inside(const struct native_domain *domain)
{
	return &domain_gate(domain)->inside[domain->first_slot];
}

/* ---- what the runtime and the gate do ---------------------------------------------------------------------
 */

static uint64_t show(const struct native_domain *domain)
{
	while (__atomic_exchange_n(&taken[domain_number(domain)], 1, __ATOMIC_ACQUIRE))
		native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	set_all(domain, true);
	*inside(domain) = 1;
	return 0;
}

static void hide(const struct native_domain *domain, uint64_t unused)
{
	(void)unused;
	*inside(domain) = 0;
	set_all(domain, false);
	__atomic_store_n(&taken[domain_number(domain)], 0, __ATOMIC_RELEASE);
}

/* In RAX and RDX; no function: the domain has failed, and nobody is inside. */
struct place {
	uint64_t function, stack;
};

struct place flip_native_enter(const struct native_domain *domain, unsigned index);
void flip_native_leave(const struct native_domain *domain);

struct place flip_native_enter(const struct native_domain *domain, unsigned index)
{
	show(domain);
	if (!__atomic_load_n(&domain_gate(domain)->failed, __ATOMIC_ACQUIRE))
		return (struct place){domain_function(domain, index),
		                      domain_stack_top(domain, domain->first_slot)};
	hide(domain, 0);
	return (struct place){0, 0};
}

void flip_native_leave(const struct native_domain *domain)
{
	hide(domain, 0);
}

/* ---- domains ----------------------------------------------------------------------------------------------
 */

static uint64_t thunk(const struct native_domain *domain, unsigned index)
{
	return domain->base + PORTCULLIS_GATE_OFFSET + (uint64_t)index * THUNK_SIZE;
}

/* movabs $domain, %r11; mov $index, %eax; movabs $flip_native_gate, %r10; jmp *%r10 */
static void write_thunk(const struct native_domain *domain, unsigned index)
{
	uint64_t self = (uint64_t)domain, gate = (uint64_t)flip_native_gate;
	uint8_t code[28] = {0x49, 0xbb, [10] = 0xb8, [15] = 0x49, 0xba, [25] = 0x41, 0xff, 0xe2};

	memcpy(code + 2, &self, 8);
	memcpy(code + 11, &index, 4);
	memcpy(code + 17, &gate, 8);
	memcpy((void *)thunk(domain, index), code, sizeof(code));
}

static void hide_stacks(const struct native_domain *domain)
{
	uint64_t size = domain->plan.descriptor.stack_size;

	for (unsigned i = 0; i < domain->slot_count; i++)
		set_rights(domain_stack_top(domain, domain->first_slot + i) - size, size, PROT_NONE);
}

static long protect(struct native_domain *domain)
{
	unsigned count = domain->plan.descriptor.entry_count;
	uint64_t start = domain->base + PORTCULLIS_GATE_OFFSET;
	uint64_t size = ((uint64_t)count * THUNK_SIZE + PORTCULLIS_PAGE_SIZE - 1) & PAGE_MASK;
	long result = native_call(SYS_mmap, (long)start, (long)size, PROT_READ | PROT_WRITE,
	                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (result != (long)start)
		return result < 0 ? result : -EEXIST;
	for (unsigned i = 0; i < count; i++)
		write_thunk(domain, i);
	set_rights(start, size, PROT_READ | PROT_EXEC);
	hide_stacks(domain);
	set_all(domain, false);
	return 0;
}

/* Another thread of the parent may have been inside. */
static void forked(const struct native_domain *domain)
{
	taken[domain_number(domain)] = 0;
	hide_stacks(domain);
	set_all(domain, false);
}

static const struct native_backend flip = {
        .name = "flip", .protect = protect, .entry = thunk, .open = show, .close = hide, .forked = forked};

NATIVE_BACKEND(flip);
