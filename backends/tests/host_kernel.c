#include "host_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "image/image.h"
#include "portcullis/abi.h"

#define DOMAINS_MAX 4
#define ARCH_SET_GS 0x1001 /* Linux, asm/prctl.h */

struct domain {
	uintptr_t base; /* 0: free */
	struct image_plan plan;
	char path[256];
};

static struct domain domains[DOMAINS_MAX];
static char reason[256];
static uint64_t next_client = 1;

static uintptr_t image_base(const struct domain *domain)
{
	return domain->base + PORTCULLIS_IMAGE_OFFSET;
}

static struct portcullis_gate_data *gate_data(const struct domain *domain)
{
	return (struct portcullis_gate_data *)(domain->base + PORTCULLIS_GATE_DATA_OFFSET);
}

/* What the kernel's page-fault handler does for the argument copy; everything else is a crash. */
static void handle_fault(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uintptr_t rip = (uintptr_t)registers[REG_RIP], address = (uintptr_t)info->si_addr;

	for (struct domain *domain = domains; domain < domains + DOMAINS_MAX; domain++) {
		if (domain->base && address - domain->base >= PORTCULLIS_DOMAIN_SIZE &&
		    rip >= image_base(domain) + domain->plan.copy_start &&
		    rip < image_base(domain) + domain->plan.copy_end) {
			registers[REG_RIP] = (greg_t)(image_base(domain) + domain->plan.copy_fixup);
			return;
		}
	}
	signal(number, SIG_DFL);
}

static bool map(uintptr_t address, size_t size, int rights)
{
	return mmap((void *)address, size, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
	            0) == (void *)address;
}

/* Maps, fills and relocates the image, then takes the rights away that its segments do not have. */
static bool load(struct domain *domain)
{
	const struct image_plan *plan = &domain->plan;
	uintptr_t base = image_base(domain);

	if (!map(base, plan->memory_size, PROT_READ | PROT_WRITE))
		return false;
	for (unsigned i = 0; i < plan->segment_count; i++)
		memcpy((char *)base + plan->segments[i].address, plan->bytes + plan->segments[i].file_offset,
		       plan->segments[i].file_size);
	for (uint64_t i = 0; i < plan->relocation_count; i++) {
		struct image_relocation relocation = image_relocation(plan, i);
		uint64_t value = base + relocation.value;

		memcpy((char *)base + relocation.target, &value, sizeof(value));
	}
	for (unsigned i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uintptr_t start = (base + segment->address) & ~(uintptr_t)(PORTCULLIS_PAGE_SIZE - 1);
		int rights = PROT_READ | (segment->rights & IMAGE_WRITE ? PROT_WRITE : 0) |
		             (segment->rights & IMAGE_EXECUTE ? PROT_EXEC : 0);

		mprotect((void *)start, base + segment->address + segment->memory_size - start, rights);
	}
	return true;
}

static bool map_rest(struct domain *domain)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	struct portcullis_gate_data *data = gate_data(domain);
	uintptr_t top = domain->base + PORTCULLIS_STACKS_OFFSET;

	if (!map((uintptr_t)data, PORTCULLIS_GATE_DATA_SIZE, PROT_READ | PROT_WRITE) ||
	    !map(domain->base + PORTCULLIS_HEAP_OFFSET, image->heap_limit, PROT_READ | PROT_WRITE))
		return false;
	data->magic = PORTCULLIS_GATE_DATA_MAGIC;
	data->entry_count = image->entry_count;
	data->heap_limit = image->heap_limit;
	data->clients[0] =
	        (struct portcullis_client){next_client++, 0, (uint32_t)getpid(), geteuid(), getegid()};
	for (unsigned slot = 0; slot < HOST_SLOTS; slot++) {
		top += PORTCULLIS_STACK_STRIDE;
		if (!map(top - image->stack_size, image->stack_size, PROT_READ | PROT_WRITE))
			return false;
		data->threads[slot] =
		        (struct portcullis_thread){.stack_top = top, .client = (uint64_t)&data->clients[0]};
	}
	return true;
}

static const uint8_t *read_file(const char *path, size_t *size)
{
	int file = open(path, O_RDONLY);
	struct stat status;
	void *bytes;

	if (file < 0)
		return NULL;
	fstat(file, &status);
	*size = (size_t)status.st_size;
	bytes = mmap(NULL, *size ? *size : 1, PROT_READ, MAP_PRIVATE, file, 0);
	close(file);
	return bytes == MAP_FAILED ? NULL : bytes;
}

static long attach(const char *path, uint64_t interface, uint64_t *slots, unsigned count)
{
	struct domain *domain = domains;
	const uint8_t *bytes;
	const char *error;
	size_t size;

	reason[0] = 0;
	for (struct domain *other = domains; other < domains + DOMAINS_MAX; other++)
		if (other->base && strcmp(other->path, path) == 0)
			return -EEXIST;
	while (domain < domains + DOMAINS_MAX && domain->base)
		domain++;
	if (domain == domains + DOMAINS_MAX)
		return -ENOSPC;
	bytes = read_file(path, &size);
	if (!bytes)
		return -ENOENT;
	error = image_parse(bytes, size, &domain->plan);
	if (error) {
		snprintf(reason, sizeof(reason), "%s", error);
		return -ENOEXEC;
	}
	if (domain->plan.descriptor.interface != interface || domain->plan.descriptor.entry_count != count)
		return -ESTALE;
	domain->base = PORTCULLIS_DOMAINS_START + (uintptr_t)(domain - domains) * PORTCULLIS_DOMAIN_SIZE;
	snprintf(domain->path, sizeof(domain->path), "%s", path);
	if (!load(domain) || !map_rest(domain))
		return -ENOMEM;
	sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO}, NULL);
	if (domain->plan.init && ((int (*)(void))(image_base(domain) + domain->plan.init))() < 0)
		return -EINVAL;
	for (unsigned i = 0; i < count; i++)
		slots[i] = image_base(domain) + image_entry(&domain->plan, i).function;
	return domain - domains;
}

static long detach(long number)
{
	struct domain *domain = &domains[number];

	if (number < 0 || number >= DOMAINS_MAX || !domain->base)
		return -EINVAL;
	if (domain->plan.teardown)
		((void (*)(const struct portcullis_client *))(image_base(domain) + domain->plan.teardown))(
		        &gate_data(domain)->clients[0]);
	munmap((void *)domain->base, PORTCULLIS_DOMAIN_SIZE);
	munmap((void *)domain->plan.bytes, domain->plan.size);
	domain->base = 0;
	return 0;
}

static long info(long what, char *to, long size)
{
	return snprintf(to, (size_t)size, "%s", what == PORTCULLIS_INFO_BACKEND ? "host" : reason);
}

long portcullis_system_call(long number, long a, long b, long c, long d, long e, long f)
{
	(void)b, (void)f; /* no shared domains here */
	switch (number) {
	case PORTCULLIS_SYS_ATTACH:
		return attach((const char *)a, (uint64_t)c, (uint64_t *)d, (unsigned)e);
	case PORTCULLIS_SYS_DETACH:
		return detach(a);
	case PORTCULLIS_SYS_INFO:
		return info(a, (char *)b, c);
	default:
		return -ENOSYS;
	}
}

uintptr_t host_domain(int domain)
{
	return domain >= 0 && domain < DOMAINS_MAX ? domains[domain].base : 0;
}

void host_set_slot(unsigned slot)
{
	static _Thread_local uint64_t thread_page[1 + PORTCULLIS_THREAD_PAGE_SLOT / 8];

	thread_page[PORTCULLIS_THREAD_PAGE_SLOT / 8] = slot;
	syscall(SYS_arch_prctl, ARCH_SET_GS, thread_page);
}

uint64_t host_call_on_stack(int domain, unsigned slot, uint64_t (*function)(void))
{
	uint64_t top = gate_data(&domains[domain])->threads[slot].stack_top, result;

	__asm__ volatile("mov %%rsp, %%rbx\n\t"
	                 "mov %[top], %%rsp\n\t"
	                 "call *%[function]\n\t"
	                 "mov %%rbx, %%rsp"
	                 : "=a"(result)
	                 : [top] "r"(top), [function] "r"(function)
	                 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc",
	                   "xmm0", "xmm1");
	return result;
}
