/* The monitor: launch, exits, end. Between two exits it does not exist for the guest. */
#include "vmx/vmx.h"

#include "lib/errno.h"
#include "mm/kernel_map.h"
#include "options.h"
#include "plan/counters.h"
#include "vmx/ept.h"
#include "vmx/monitor.h"
#include "x86/cpu.h"
#include "x86/features.h"

#define STACK_SIZE 8192

static bool running;
static const char *failure; /* why it could not be started */
static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));

/* ---- launch
 * ------------------------------------------------------------------------------------------------ */

/* A region for the CPU's own use. 0: no memory. */
static paddr_t vmx_region(void)
{
	paddr_t region = frame_alloc_zeroed(NULL);

	if (region)
		*(uint32_t *)phys_to_virt(region) = (uint32_t)read_msr(MSR_VMX_BASIC) & VMX_BASIC_REVISION;
	return region;
}

/* One of VMXON, VMCLEAR, VMPTRLD: CF or ZF says that it failed. */
#define REGION_INSTRUCTION(name, region)                                                                     \
	({                                                                                                   \
		bool good;                                                                                   \
		__asm__ volatile(name " %1" : "=@cca"(good) : "m"(region) : "memory");                       \
		good;                                                                                        \
	})

static void enable_vmx(void)
{
	uint64_t control = read_msr(MSR_FEATURE_CONTROL);

	if (!(control & FEATURE_CONTROL_LOCK))
		write_msr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMX);
	write_cr0((read_cr0() | read_msr(MSR_VMX_CR0_FIXED0)) & read_msr(MSR_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | CR4_VMXE | read_msr(MSR_VMX_CR4_FIXED0)) & read_msr(MSR_VMX_CR4_FIXED1));
}

static const uint64_t all_contexts[2]; /* descriptor of INVEPT and INVVPID */

/* Drops every translation that the EPT was part of (INVEPT type 2; SDM vol. 3C, 28.3.3). */
static void invalidate_ept(void)
{
	__asm__ volatile("invept %0, %1" : : "m"(all_contexts), "r"(2UL) : "memory", "cc");
	tlb_model_ept_flush();
}

/* Drops every translation of every VPID (INVVPID type 2). */
static void invalidate_vpid(void)
{
	__asm__ volatile("invvpid %0, %1" : : "m"(all_contexts), "r"(2UL) : "memory", "cc");
}

static const char *launch(bool exceptions)
{
	paddr_t region = vmx_region(), vmcs = vmx_region(), page = exceptions ? violation_page() : 0;
	struct monitor_frame *frame = (struct monitor_frame *)(stack + STACK_SIZE) - 1;

	if (!region || !vmcs || (exceptions && !page))
		return "no memory for the VMX monitor";
	enable_vmx();
	if (!REGION_INSTRUCTION("vmxon", region))
		return "VMXON failed";
	if (!REGION_INSTRUCTION("vmclear", vmcs) || !REGION_INSTRUCTION("vmptrld", vmcs))
		return "the VMCS could not be loaded";
	invalidate_ept();
	invalidate_vpid(); /* what an earlier VMX operation may have left (SDM vol. 3C, 28.3.3) */
	vmcs_fill((uint64_t)&frame->rip, page);
	if (!vmx_launch())
		panic("VMX: VMLAUNCH failed, error %lu", vmcs_read(VMCS_INSTRUCTION_ERROR));
	return NULL;
}

const char *vmx_missing(void)
{
	struct vmx_abilities abilities;

	if (running || failure)
		return failure;
	if (!option_number("monitor", 1))
		return "the command line switches the VMX monitor off (monitor=0)";
	return vmx_probe(&abilities);
}

const char *vmx_remark(void)
{
	return features.hypervisor && !vmx_missing()
	               ? "a hypervisor runs this machine and emulates VMFUNC: each one costs exits to it"
	               : NULL;
}

const char *vmx_start(void)
{
	struct vmx_abilities abilities;

	if (running)
		return NULL;
	failure = vmx_missing();
	if (failure)
		return failure;
	vmx_probe(&abilities);
	failure = ept_init(abilities.huge_pages) ? "no memory for the VMX monitor's tables"
	                                         : launch(abilities.exceptions);
	running = !failure;
	if (running && vmx_remark())
		kprintf("VMX monitor: %s\n", vmx_remark());
	return failure;
}

bool vmx_is_running(void)
{
	return running;
}

void vmx_boot(void)
{
	const char *missing = option_number("monitor", 0) ? vmx_start() : NULL;

	if (missing)
		kprintf("VMX monitor: %s\n", missing);
}

/* ---- hypercalls, the kernel's side
 * ------------------------------------------------------------------------- */

static long hypercall(enum hypercall number, uint64_t first, uint64_t second, uint64_t third)
{
	long result;

	__asm__ volatile("vmcall"
	                 : "=a"(result)
	                 : "a"((uint64_t)number), "D"(first), "S"(second), "d"(third)
	                 : "memory", "cc");
	return result;
}

long view_create(void)
{
	return hypercall(HYPERCALL_CREATE, 0, 0, 0);
}

void view_destroy(unsigned view)
{
	hypercall(HYPERCALL_DESTROY, view, 0, 0);
}

long view_give(unsigned view, paddr_t frame, unsigned flags)
{
	return hypercall(HYPERCALL_GIVE, view, frame, flags);
}

void vmx_stop(void)
{
	if (!running)
		return;
	hypercall(HYPERCALL_STOP, 0, 0, 0);
	running = false;
	kprintf("VMX monitor: %lu exits\n", counters[COUNT_VM_EXITS]);
}

unsigned view_current(void)
{
	return running ? *(volatile uint32_t *)phys_to_virt(view_page()) : VIEW_APPLICATION;
}

void view_switch(unsigned view)
{
	counters[COUNT_VIEW_SWITCHES]++;
	__asm__ volatile("vmfunc" : : "a"(0), "c"(view) : "memory");
}

/* ---- exits
 * ------------------------------------------------------------------------------------------------- */

static void skip_instruction(void)
{
	vmcs_write(VMCS_GUEST_RIP, vmcs_read(VMCS_GUEST_RIP) + vmcs_read(VMCS_EXIT_LENGTH));
}

/* The instruction does not exist. */
static void inject_invalid_opcode(void)
{
	vmcs_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXCEPTION | VECTOR_UD);
}

static void handle_cpuid(struct monitor_frame *frame)
{
	struct cpuid result = cpuid((uint32_t)frame->rax, (uint32_t)frame->rcx);

	frame->rax = result.eax;
	frame->rbx = result.ebx;
	frame->rcx = result.ecx;
	frame->rdx = result.edx;
	skip_instruction();
}

/* Ends VMX operation; the kernel goes on behind its VMCALL. */
static void stop(struct monitor_frame *frame)
{
	uint64_t cr3 = vmcs_read(VMCS_GUEST_CR3), fs_base = vmcs_read(VMCS_GUEST_FS_BASE);

	skip_instruction();
	frame->rip = vmcs_read(VMCS_GUEST_RIP);
	frame->cs = SELECTOR_KERNEL_CODE;
	frame->rflags = vmcs_read(VMCS_GUEST_RFLAGS);
	frame->rsp = vmcs_read(VMCS_GUEST_RSP);
	frame->ss = SELECTOR_KERNEL_DATA;
	__asm__ volatile("vmxoff" : : : "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
	write_cr3(cr3);
	write_msr(MSR_FS_BASE, fs_base);
}

static void handle_hypercall(struct monitor_frame *frame)
{
	switch (frame->rax) {
	case HYPERCALL_CREATE:
		frame->rax = (uint64_t)ept_create();
		break;
	case HYPERCALL_DESTROY:
		ept_destroy((unsigned)frame->rdi);
		break;
	case HYPERCALL_GIVE:
		frame->rax = (uint64_t)ept_give((unsigned)frame->rdi, frame->rsi, (unsigned)frame->rdx);
		break;
	default:
		panic("VMX: hypercall %lu does not exist", frame->rax);
	}
	if (!tlb_model_leaves_out("flush-ept"))
		invalidate_ept();
	counters[COUNT_EPT_FLUSHES]++;
	skip_instruction();
}

bool vmx_handle_exit(struct monitor_frame *frame)
{
	uint32_t reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);

	counters[COUNT_VM_EXITS]++;
	switch (reason) {
	case EXIT_CPUID:
		counters[COUNT_EXIT_CPUID]++;
		handle_cpuid(frame);
		break;
	case EXIT_XSETBV:
		counters[COUNT_EXIT_XSETBV]++;
		__asm__ volatile("xsetbv"
		                 :
		                 : "c"((uint32_t)frame->rcx), "a"((uint32_t)frame->rax),
		                   "d"((uint32_t)frame->rdx));
		skip_instruction();
		break;
	case EXIT_EPT_VIOLATION:
		counters[COUNT_EXIT_EPT_VIOLATION]++;
		violation_exit();
		break;
	case EXIT_VMCALL:
		counters[COUNT_EXIT_HYPERCALL]++;
		if (guest_level() != 0) {
			inject_invalid_opcode();
		} else if (frame->rax == HYPERCALL_STOP) {
			stop(frame);
			return false;
		} else {
			handle_hypercall(frame);
		}
		break;
	case EXIT_VMFUNC: /* a leaf or view that does not exist */
		counters[COUNT_EXIT_VMFUNC]++;
		inject_invalid_opcode();
		break;
	case EXIT_GETSEC:
	case EXIT_VMCLEAR ... EXIT_VMXON:
	case EXIT_INVEPT:
	case EXIT_INVVPID:
		counters[COUNT_EXIT_VMX_INSTRUCTION]++;
		inject_invalid_opcode();
		break;
	case EXIT_TRIPLE_FAULT:
		panic("VMX: triple fault at %lx", vmcs_read(VMCS_GUEST_RIP));
	default:
		panic("VMX: exit for reason %u at %lx", reason, vmcs_read(VMCS_GUEST_RIP));
	}
	tlb_model_ept_check();
	return true;
}

void vmx_resume_failed(void)
{
	panic("VMX: VMRESUME failed, error %lu", vmcs_read(VMCS_INSTRUCTION_ERROR));
}
