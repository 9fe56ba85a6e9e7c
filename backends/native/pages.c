/*
 * Backend `pages`: a domain's pages have no rights while no thread is inside, and the gate asks the kernel
 * for them with mprotect(), as a program has to on a stock kernel that offers it nothing else. Rights are the
 * process's: while one thread is inside, the others can reach the domain, too.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "native/domain.h"
#include "native/signals.h"
#include "native/thunk.h"
#include "portcullis/wire.h"

/* By domain: threads inside, and the protected stacks that are in use. Changed under `lock`. */
static struct {
	unsigned inside;
	uint64_t stacks;                      /* a bit each */
	uint64_t masks[NATIVE_PRIVATE_SLOTS]; /* of each thread inside: signals that it blocks outside */
} states[NATIVE_DOMAINS_MAX];
static volatile int lock;

static void take_lock(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static void release_lock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void set_rights(uint64_t start, uint64_t size, int rights)
{
	if (size && native_call(SYS_mprotect, (long)start, (long)size, rights, 0, 0, 0))
		__builtin_trap(); /* neither inside nor outside */
}

/* Text keeps its rights: it can be executed, and holds no secret. */
static void set_all(const struct native_domain *domain, bool open)
{
	const struct image_plan *plan = &domain->plan;
	uint64_t base = domain->base + PORTCULLIS_IMAGE_OFFSET;
	int both = open ? PROT_READ | PROT_WRITE : PROT_NONE;

	for (unsigned i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uint64_t start = (base + segment->address) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);

		if (segment->rights & IMAGE_WRITE)
			set_rights(start, base + segment->address + segment->memory_size - start, both);
	}
	set_rights(domain->base + PORTCULLIS_GATE_DATA_OFFSET, PORTCULLIS_GATE_DATA_SIZE, both);
	set_rights(domain->base + PORTCULLIS_WIRE_OFFSET, domain->wire_size, both);
	set_rights(domain->base + PORTCULLIS_WIRE_PEER_OFFSET, domain->wire_size,
	           open ? PROT_READ : PROT_NONE);
	set_rights(domain->base + PORTCULLIS_HEAP_OFFSET, plan->descriptor.heap_limit, both);
}

/* `slot`: counted from the domain's first one. */
static void set_stack(const struct native_domain *domain, unsigned slot, bool open)
{
	uint64_t size = domain->plan.descriptor.stack_size;
	uint64_t top = domain_stack_top(domain, domain->first_slot + slot);

	set_rights(top - size, size, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

/* Of the stack that ends at `top`. */
static unsigned slot_of(const struct native_domain *domain, uint64_t top)
{
	return (unsigned)((top - domain_stack_top(domain, domain->first_slot)) / PORTCULLIS_STACK_STRIDE);
}

static uint64_t *inside_word(const struct native_domain *domain, unsigned slot)
{
	return &domain_gate(domain)->inside[domain->first_slot + slot];
}

/* The top of a protected stack for a thread that enters. */
static uint64_t open_domain(const struct native_domain *domain)
{
	uint64_t all = ~0UL >> (64 - domain->slot_count);
	unsigned number = domain_number(domain), slot;

	take_lock();
	while (states[number].stacks == all) { /* a thread that is inside returns some time */
		release_lock();
		native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		take_lock();
	}
	if (states[number].inside++ == 0)
		set_all(domain, true);
	slot = (unsigned)__builtin_ctzll(~states[number].stacks);
	states[number].stacks |= 1UL << slot;
	release_lock();
	set_stack(domain, slot, true);
	*inside_word(domain, slot) = 1;
	return domain_stack_top(domain, domain->first_slot + slot);
}

/* `top`: what open_domain() returned. */
static void close_domain(const struct native_domain *domain, uint64_t top)
{
	unsigned number = domain_number(domain);
	unsigned slot = slot_of(domain, top);

	*inside_word(domain, slot) = 0;
	set_stack(domain, slot, false);
	take_lock();
	states[number].stacks &= ~(1UL << slot);
	if (--states[number].inside == 0)
		set_all(domain, false);
	release_lock();
}

static void close_all(const struct native_domain *domain)
{
	set_all(domain, false);
	for (unsigned slot = 0; slot < domain->slot_count; slot++)
		set_stack(domain, slot, false);
}

/* Other threads of the parent may have been inside, or about to be. */
static void forked(const struct native_domain *domain)
{
	lock = 0;
	states[domain_number(domain)].inside = 0;
	states[domain_number(domain)].stacks = 0;
	close_all(domain);
}

/* What the gate calls. Returns the stack's top; *function is what to call. 0: the domain has failed. */
__attribute__((used)) static uint64_t pages_enter(const struct native_domain *domain, unsigned index,
                                                  uint64_t *function)
{
	uint64_t mask = signals_hold(), top = open_domain(domain);

	*function = domain_function(domain, index);
	if (!__atomic_load_n(&domain_gate(domain)->failed, __ATOMIC_ACQUIRE)) {
		states[domain_number(domain)].masks[slot_of(domain, top)] = mask;
		return top;
	}
	close_domain(domain, top);
	signals_release(mask);
	return 0;
}

__attribute__((used)) static void pages_leave(const struct native_domain *domain, uint64_t top)
{
	uint64_t mask = states[domain_number(domain)].masks[slot_of(domain, top)];

	close_domain(domain, top);
	signals_release(mask);
}

/*
 * RAX: the entry's index, R11: the domain; the arguments where the ABI has them. RBX and R12 keep domain and
 * stack over the call, R13 the caller's stack.
 */
__attribute__((naked, used)) static void pages_gate(void)
{
	__asm__("pushfq\n\t"
	        "andl $~0x100, (%rsp)\n\t" /* no single steps of the program inside (TF) */
	        "popfq\n\t"
	        "push %rbx\n\t"
	        "push %r12\n\t"
	        "push %r13\n\t"
	        "push %rdi\n\t"
	        "push %rsi\n\t"
	        "push %rdx\n\t"
	        "push %rcx\n\t"
	        "push %r8\n\t"
	        "push %r9\n\t"
	        "sub $8, %rsp\n\t" /* the function; and RSP is aligned */
	        "mov %r11, %rbx\n\t"
	        "mov %r11, %rdi\n\t"
	        "mov %eax, %esi\n\t"
	        "mov %rsp, %rdx\n\t"
	        "sub $8, %rsp\n\t"
	        "call pages_enter\n\t"
	        "add $8, %rsp\n\t"
	        "mov %rax, %r12\n\t"
	        "test %rax, %rax\n\t"
	        "jz 1f\n\t"
	        "pop %rax\n\t"
	        "pop %r9\n\t"
	        "pop %r8\n\t"
	        "pop %rcx\n\t"
	        "pop %rdx\n\t"
	        "pop %rsi\n\t"
	        "pop %rdi\n\t"
	        "mov %rsp, %r13\n\t"
	        "mov %r12, %rsp\n\t"
	        "cld\n\t"
	        "call *%rax\n\t"
	        "mov %r13, %rsp\n\t"
	        "mov %rbx, %rdi\n\t"
	        "mov %r12, %rsi\n\t"
	        "mov %rax, %rbx\n\t"
	        "call pages_leave\n\t"
	        "mov %rbx, %rax\n\t"
	        "2: pop %r13\n\t"
	        "pop %r12\n\t"
	        "pop %rbx\n\t"
	        "ret\n\t"
	        "1: add $56, %rsp\n\t" /* the function and the arguments */
	        "mov $-1, %rax\n\t"    /* PORTCULLIS_FAILED */
	        "jmp 2b");
}

static long protect(struct native_domain *domain)
{
	long error = thunks_make(domain, pages_gate, 0);

	if (!error)
		close_all(domain);
	return error;
}

static const struct native_backend pages = {.name = "pages",
                                            .protect = protect,
                                            .entry = thunk_address,
                                            .open = open_domain,
                                            .close = close_domain,
                                            .forked = forked};

NATIVE_BACKEND(pages);
