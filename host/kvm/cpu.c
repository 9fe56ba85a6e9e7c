/* The virtual CPU: what it offers, where it starts, where it is. */
#include "guest/abi/boot.h"
#include "host/kvm/vmm.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define CPUID_MAX  256 /* entries */
#define LEAF_TSC   0x15
#define HYPERVISOR 0x40000000 /* first of KVM's own leaves */
#define BRAND      0x80000002 /* and the two after it: the CPU's name */
#define MSR_TSC    0x10

/*
 * Page tables of the 64-bit entry, which the kernel replaces at once: three pages at TABLES map the first GiB
 * to itself. They lie in memory that is free until then.
 */
#define TABLES    0x1000UL
#define PRESENT   0x3UL /* and writable */
#define PAGE_2MIB 0x83UL

struct cpuid_table {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_MAX];
};

/*
 * All that the host's KVM can give a guest, but for its paravirtual interface: the kernel is to run as on the
 * bare CPU. The TSC's frequency is in leaf 15H as TSC / crystal = EBX / EAX with a crystal of ECX Hz (SDM
 * vol. 2A, CPUID).
 */
static int set_cpuid(struct vmm *vmm, char *reason, size_t size)
{
	static struct cpuid_table all, offered;
	unsigned tsc_khz = (unsigned)ioctl(vmm->cpu, KVM_GET_TSC_KHZ, 0), count = 0;

	all.head.nent = CPUID_MAX;
	if (ioctl(vmm->kvm, KVM_GET_SUPPORTED_CPUID, &all) < 0) {
		snprintf(reason, size, "KVM does not say what CPU it offers: %s", strerror(errno));
		return -1;
	}
	for (unsigned i = 0; i < all.head.nent; i++) {
		struct kvm_cpuid_entry2 entry = all.entries[i];

		if (entry.function == LEAF_TSC || entry.function >> 28 == HYPERVISOR >> 28)
			continue;
		if (entry.function == 0 && entry.eax < LEAF_TSC)
			entry.eax = LEAF_TSC;
		if (entry.function == 1)
			entry.ebx &= 0x00ffffff; /* APIC id 0 */
		if (entry.function == 0xb || entry.function == 0x1f)
			entry.edx = 0; /* x2APIC id 0 */
		if (entry.function == 0x80000000 && entry.eax < BRAND + 2)
			entry.eax = BRAND + 2;
		if (entry.function - BRAND <= 2)
			continue;
		offered.entries[count++] = entry;
	}
	if (count < CPUID_MAX && (int)tsc_khz > 0)
		offered.entries[count++] = (struct kvm_cpuid_entry2){
		        .function = LEAF_TSC, .eax = 1, .ebx = tsc_khz, .ecx = 1000};
	for (unsigned leaf = BRAND; count < CPUID_MAX && leaf <= BRAND + 2; leaf++) {
		struct kvm_cpuid_entry2 *entry = &offered.entries[count++];

		entry->function = leaf;
		__cpuid(leaf, entry->eax, entry->ebx, entry->ecx, entry->edx);
	}
	offered.head.nent = count;
	if (ioctl(vmm->cpu, KVM_SET_CPUID2, &offered) < 0) {
		snprintf(reason, size, "KVM does not take a CPU of its own making: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static void write_tables(const struct vmm *vmm)
{
	uint64_t *tables = memory_at(vmm, TABLES, 3 * 4096);

	tables[0] = (TABLES + 4096) | PRESENT;
	tables[512] = (TABLES + 8192) | PRESENT;
	for (uint64_t i = 0; i < 512; i++)
		tables[1024 + i] = i << 21 | PAGE_2MIB;
}

int cpu_init(struct vmm *vmm, uint64_t entry, char *reason, size_t size)
{
	struct kvm_segment data = {
	        .limit = UINT32_MAX, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
	struct kvm_segment code = {
	        .limit = UINT32_MAX, .selector = 8, .type = 11, .present = 1, .l = 1, .s = 1, .g = 1};
	struct kvm_regs regs = {.rip = entry, .rax = BOOT_ENTRY_MAGIC, .rflags = 2};
	struct kvm_sregs sregs;

	if (set_cpuid(vmm, reason, size) < 0)
		return -1;
	write_tables(vmm);
	if (ioctl(vmm->cpu, KVM_GET_SREGS, &sregs) == 0) {
		sregs.cs = code;
		sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
		sregs.cr0 = BOOT_CR0;
		sregs.cr3 = TABLES;
		sregs.cr4 = BOOT_CR4;
		sregs.efer = BOOT_EFER;
		if (ioctl(vmm->cpu, KVM_SET_SREGS, &sregs) == 0 && ioctl(vmm->cpu, KVM_SET_REGS, &regs) == 0)
			return 0;
	}
	snprintf(reason, size, "KVM does not take the CPU's first state: %s", strerror(errno));
	return -1;
}

/* ---- where it is ------------------------------------------------------------------------------ */

/* Two words at a linear address: a frame pointer's caller and return address. */
static const uint64_t *frame_at(const struct vmm *vmm, uint64_t linear)
{
	struct kvm_translation translation = {.linear_address = linear};

	if (linear % 16 > 8 || ioctl(vmm->cpu, KVM_TRANSLATE, &translation) < 0 || !translation.valid ||
	    translation.physical_address % 4096 > 4096 - 16)
		return NULL;
	return memory_at(vmm, translation.physical_address, 16);
}

void cpu_diagnose(const struct vmm *vmm, struct diagnosis *diagnosis)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry tsc;
	} msrs = {.head.nmsrs = 1, .tsc.index = MSR_TSC};
	struct kvm_regs regs;
	const uint64_t *frame;

	if (ioctl(vmm->cpu, KVM_GET_MSRS, &msrs) == 1)
		diagnosis->ticks = msrs.tsc.data;
	if (ioctl(vmm->cpu, KVM_GET_REGS, &regs) < 0)
		return;
	snprintf(diagnosis->registers, sizeof(diagnosis->registers),
	         "RAX=%016llx RBX=%016llx RCX=%016llx RDX=%016llx\nRSI=%016llx RDI=%016llx RBP=%016llx "
	         "RSP=%016llx\n"
	         "R8 =%016llx R9 =%016llx R10=%016llx R11=%016llx\nR12=%016llx R13=%016llx R14=%016llx "
	         "R15=%016llx\n"
	         "RIP=%016llx RFL=%08llx",
	         regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rbp, regs.rsp, regs.r8,
	         regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15, regs.rip, regs.rflags);
	diagnosis->trace[0] = regs.rip;
	diagnosis->depth = 1;
	for (uint64_t at = regs.rbp; diagnosis->depth < TRACE_MAX && (frame = frame_at(vmm, at)) && frame[1];
	     at = frame[0]) {
		diagnosis->trace[diagnosis->depth++] = frame[1];
		if (frame[0] <= at)
			break;
	}
}
