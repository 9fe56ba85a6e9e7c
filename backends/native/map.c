#include "native/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "native/load.h"

/* Instructions of one byte. */
#define NOP  0x90
#define TRAP 0xcc

static uint64_t image_base(const struct native_domain *domain)
{
	return domain->base + PORTCULLIS_IMAGE_OFFSET;
}

/* Does the backend keep the domain's pages from others until its protect() says whose they are? */
static bool is_owned(void)
{
	return native_backend && native_backend->own;
}

static long map(uint64_t address, uint64_t size, int rights, int flags, int memory, uint64_t offset)
{
	long result = native_call(SYS_mmap, (long)address, (long)size, is_owned() ? PROT_NONE : rights,
	                          flags | MAP_NORESERVE | MAP_FIXED_NOREPLACE, memory, (long)offset);

	if (result < 0)
		return result;
	if ((uint64_t)result != address)
		return -EEXIST; /* a kernel that takes the address for a hint */
	return is_owned() ? native_backend->own(address, size) : 0;
}

/* Writable memory: the shared domain's, or zeroes. */
static long map_data(const struct native_domain *domain, uint64_t offset, uint64_t size, int memory)
{
	return map(domain->base + offset, size, PROT_READ | PROT_WRITE,
	           memory < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, memory, memory < 0 ? 0 : offset);
}

/* Fills and relocates the image, then takes the rights away that its segments do not have. */
static long map_private_image(const struct native_domain *domain)
{
	const struct image_plan *plan = &domain->plan;
	long error = map_data(domain, PORTCULLIS_IMAGE_OFFSET, plan->memory_size, -1);

	if (error)
		return error;
	load_segments(plan, (char *)image_base(domain), image_base(domain));
	for (unsigned i = 0; i < plan->segment_count && !error && !is_owned(); i++) {
		struct load_range range = load_range(&plan->segments[i]);

		error = native_call(SYS_mprotect, (long)(image_base(domain) + range.start), (long)range.size,
		                    range.rights, 0, 0, 0);
	}
	return error;
}

/* What nobody writes is a process's own mapping of the same bytes. */
static long map_shared_image(const struct native_domain *domain, int memory)
{
	const struct image_plan *plan = &domain->plan;
	long error = 0;

	for (unsigned i = 0; i < plan->segment_count && !error; i++) {
		struct load_range range = load_range(&plan->segments[i]);

		error = map(image_base(domain) + range.start, range.size, range.rights,
		            range.rights & PROT_WRITE ? MAP_SHARED : MAP_PRIVATE, memory,
		            PORTCULLIS_IMAGE_OFFSET + range.start);
	}
	return error;
}

long map_stacks(const struct native_domain *domain)
{
	uint64_t size = domain->plan.descriptor.stack_size;
	long error = 0;

	for (unsigned i = 0; i < domain->slot_count && !error; i++)
		error = map(domain_stack_top(domain, domain->first_slot + i) - size, size,
		            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return error;
}

void unmap_stacks(const struct native_domain *domain)
{
	native_call(SYS_munmap,
	            (long)(domain_stack_top(domain, domain->first_slot) - PORTCULLIS_STACK_STRIDE),
	            (long)domain->slot_count * PORTCULLIS_STACK_STRIDE, 0, 0, 0, 0);
}

long map_domain(const struct native_domain *domain, int memory)
{
	long error = memory < 0 ? map_private_image(domain) : map_shared_image(domain, memory);

	if (!error)
		error = map_data(domain, PORTCULLIS_GATE_DATA_OFFSET, PORTCULLIS_GATE_DATA_SIZE, memory);
	if (!error)
		error = map_data(domain, PORTCULLIS_HEAP_OFFSET, domain->plan.descriptor.heap_limit, memory);
	return error ? error : map_stacks(domain);
}

void unmap_domain(const struct native_domain *domain)
{
	native_call(SYS_munmap, (long)domain->base, PORTCULLIS_DOMAIN_SIZE, 0, 0, 0, 0);
}

/* RBX keeps this stack. */
__attribute__((naked)) uint64_t map_call(uint64_t top, uint64_t function, uint64_t argument)
{
	__asm__("push %rbx\n\t"
	        "mov %rsp, %rbx\n\t"
	        "mov %rdi, %rsp\n\t"
	        "mov %rdx, %rdi\n\t"
	        "call *%rsi\n\t"
	        "mov %rbx, %rsp\n\t"
	        "pop %rbx\n\t"
	        "ret");
	(void)top, (void)function, (void)argument;
}

/* No client is there any more: what the image would copy is the caller's error, whatever lies there here. */
static long close_copies(const struct native_domain *domain)
{
	const struct image_plan *plan = &domain->plan;
	uint64_t start = image_base(domain) + plan->copy_start, end = image_base(domain) + plan->copy_end,
	         page = start & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	long error = 0;

	if (start != end)
		error = native_call(SYS_mprotect, (long)page, (long)(end - page), PROT_READ | PROT_WRITE, 0,
		                    0, 0);
	if (error || start == end)
		return error;
	memset((void *)start, plan->copy_fixup == plan->copy_end ? NOP : TRAP, end - start);
	return native_call(SYS_mprotect, (long)page, (long)(end - page), PROT_READ | PROT_EXEC, 0, 0, 0);
}

long map_and_tear_down(const struct image_plan *plan, unsigned number, int memory, uint64_t client)
{
	const struct native_domain domain = {.base = PORTCULLIS_DOMAINS_START +
	                                             number * PORTCULLIS_DOMAIN_SIZE,
	                                     .plan = *plan,
	                                     .first_slot = 0,
	                                     .slot_count = 1};
	long error = map_domain(&domain, memory);

	if (!error)
		error = close_copies(&domain);
	if (!error)
		map_call(domain_stack_top(&domain, 0), image_base(&domain) + plan->teardown, client);
	return error;
}
