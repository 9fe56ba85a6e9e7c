/* The machine: KVM's descriptors, RAM, interrupt controller. */
#include "host/kvm/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICE      "/dev/kvm"
#define API_VERSION 12         /* the only one there has been since Linux 2.6.22 */
#define TSS_ADDRESS 0xfffbd000 /* three pages that KVM may use on older Intel CPUs: above all RAM */
#define HUGE_PAGE   (2UL << 20)

static int fail(char *reason, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int fail(char *reason, size_t size, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(reason, size, format, list);
	va_end(list);
	return -1;
}

static int explain_open(int error, char *reason, size_t size)
{
	if (error == ENOENT)
		return fail(reason, size,
		            DEVICE " is not there: this kernel has no KVM, or its module is not loaded");
	if (error == EACCES || error == EPERM)
		return fail(reason, size, "no permission on " DEVICE ": join the group that owns it");
	return fail(reason, size, DEVICE ": %s", strerror(error));
}

int kvm_open(char *reason, size_t size)
{
	static const struct {
		int number;
		const char *name;
	} needed[] = {{KVM_CAP_USER_MEMORY, "user memory"},
	              {KVM_CAP_IRQCHIP, "an interrupt controller"},
	              {KVM_CAP_EXT_CPUID, "CPUID tables"},
	              {KVM_CAP_IMMEDIATE_EXIT, "immediate exits"},
	              {KVM_CAP_GET_TSC_KHZ, "the frequency of the TSC"}};
	int kvm = open(DEVICE, O_RDWR | O_CLOEXEC), version;

	if (kvm < 0)
		return explain_open(errno, reason, size);
	version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	if (version != API_VERSION) {
		close(kvm);
		return fail(reason, size, DEVICE " speaks version %d of its interface, not %d", version,
		            API_VERSION);
	}
	for (unsigned i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (ioctl(kvm, KVM_CHECK_EXTENSION, needed[i].number) > 0)
			continue;
		close(kvm);
		return fail(reason, size, "KVM here lacks %s", needed[i].name);
	}
	return kvm;
}

/* RAM begins on a huge page, so that KVM can map it by huge pages. */
static int map_memory(struct vmm *vmm, uint64_t size_wanted, bool huge_pages, char *reason, size_t size)
{
	uint64_t length = (size_wanted + HUGE_PAGE - 1) & -HUGE_PAGE, skip;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (huge_pages ? MAP_HUGETLB : 0);
	uint8_t *start = mmap(NULL, huge_pages ? length : length + HUGE_PAGE, PROT_READ | PROT_WRITE,
	                      huge_pages ? flags & ~MAP_NORESERVE : flags, -1, 0);

	if (start == MAP_FAILED && huge_pages)
		return fail(reason, size,
		            "no %lu huge pages of 2 MiB for the guest (%s): see /proc/sys/vm/nr_hugepages",
		            length / HUGE_PAGE, strerror(errno));
	if (start == MAP_FAILED)
		return fail(reason, size, "no memory for the guest: %s", strerror(errno));
	if (!huge_pages) {
		skip = -(uint64_t)start & (HUGE_PAGE - 1);
		if (skip)
			munmap(start, skip);
		munmap(start + skip + length, HUGE_PAGE - skip);
		start += skip;
		madvise(start, length, MADV_HUGEPAGE); /* a wish */
	}
	vmm->memory = start;
	vmm->memory_size = size_wanted;
	return 0;
}

static int create_cpu(struct vmm *vmm, char *reason, size_t size)
{
	int run_size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vmm->cpu = ioctl(vmm->machine, KVM_CREATE_VCPU, 0);
	if (vmm->cpu < 0 || run_size < (int)sizeof(struct kvm_run))
		return fail(reason, size, "KVM makes no CPU: %s", strerror(errno));
	vmm->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->cpu, 0);
	if (vmm->run == MAP_FAILED) {
		vmm->run = NULL;
		return fail(reason, size, "KVM's CPU cannot be mapped: %s", strerror(errno));
	}
	vmm->run_size = (size_t)run_size;
	return 0;
}

int machine_create(struct vmm *vmm, uint64_t memory_size, bool huge_pages, char *reason, size_t size)
{
	struct kvm_userspace_memory_region region = {.memory_size = memory_size};

	vmm->machine = vmm->cpu = -1;
	vmm->run = NULL;
	vmm->memory = NULL;
	vmm->kvm = kvm_open(reason, size);
	if (vmm->kvm < 0)
		return -1;
	vmm->machine = ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	if (vmm->machine < 0)
		return fail(reason, size, "KVM makes no machine: %s", strerror(errno));
	if (ioctl(vmm->machine, KVM_SET_TSS_ADDR, TSS_ADDRESS) < 0 ||
	    ioctl(vmm->machine, KVM_CREATE_IRQCHIP, 0) < 0)
		return fail(reason, size, "KVM makes no interrupt controller: %s", strerror(errno));
	if (map_memory(vmm, memory_size, huge_pages, reason, size) < 0)
		return -1;
	region.userspace_addr = (uint64_t)vmm->memory;
	if (ioctl(vmm->machine, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return fail(reason, size, "KVM takes no memory: %s", strerror(errno));
	return create_cpu(vmm, reason, size);
}

void machine_destroy(struct vmm *vmm)
{
	int descriptors[] = {vmm->cpu, vmm->machine, vmm->kvm};

	if (vmm->run)
		munmap(vmm->run, vmm->run_size);
	for (unsigned i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
	if (vmm->memory)
		munmap(vmm->memory, (vmm->memory_size + HUGE_PAGE - 1) & -HUGE_PAGE);
}

void *memory_at(const struct vmm *vmm, uint64_t address, uint64_t size)
{
	if (size > vmm->memory_size || address > vmm->memory_size - size)
		return NULL;
	return vmm->memory + address;
}
