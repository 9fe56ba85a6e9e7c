/* The monitor: launch, exits, end. Between two exits it does not exist for the guest. */
#include "vmx/vmx.h"

#include "lib/errno.h"
#include "mm/kernel_map.h"
#include "options.h"
#include "vmx/ept.h"
#include "vmx/monitor.h"
#include "vmx/vmcs.h"
#include "x86/cpu.h"

#define STACK_SIZE 8192

struct violation vmx_violation;

static bool running;
static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));
static uint64_t exits;

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

static const char *launch(void)
{
	paddr_t region = vmx_region(), vmcs = vmx_region();
	struct monitor_frame *frame = (struct monitor_frame *)(stack + STACK_SIZE) - 1;

	if (!region || !vmcs)
		return "no memory for the VMX monitor";
	enable_vmx();
	if (!REGION_INSTRUCTION("vmxon", region))
		return "VMXON failed";
	if (!REGION_INSTRUCTION("vmclear", vmcs) || !REGION_INSTRUCTION("vmptrld", vmcs))
		return "the VMCS could not be loaded";
	vmcs_fill((uint64_t)&frame->rip);
	if (!vmx_launch())
		panic("VMX: VMLAUNCH failed, error %lu", vmcs_read(VMCS_INSTRUCTION_ERROR));
	return NULL;
}

const char *vmx_start(void)
{
	static const char *missing;
	bool huge;

	if (running || missing)
		return missing;
	if (!option_number("monitor", 1))
		missing = "the command line switches the VMX monitor off (monitor=0)";
	else
		missing = vmx_probe(&huge);
	if (!missing && ept_init(huge))
		missing = "no memory for the VMX monitor's tables";
	if (!missing)
		missing = launch();
	running = !missing;
	return missing;
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
	kprintf("VMX monitor: %lu exits\n", exits);
}

unsigned view_current(void)
{
	return running ? *(volatile uint32_t *)phys_to_virt(view_page()) : VIEW_APPLICATION;
}

void view_switch(unsigned view)
{
	__asm__ volatile("vmfunc" : : "a"(0), "c"(view) : "memory");
}

/* ---- exits
 * ------------------------------------------------------------------------------------------------- */

/* Drops every translation that the EPT was part of (INVEPT type 2; SDM vol. 3C, 28.3.3). */
static void invalidate_ept(void)
{
	static const uint64_t descriptor[2];

	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(2UL) : "memory", "cc");
}

static void skip_instruction(void)
{
	vmcs_write(VMCS_GUEST_RIP, vmcs_read(VMCS_GUEST_RIP) + vmcs_read(VMCS_EXIT_LENGTH));
}

/* The privilege level is that of SS: its descriptor privilege level (SDM vol. 3C, 24.4.1). */
static unsigned guest_level(void)
{
	return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> 5 & 3;
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

/* Turns it into a page fault of the guest. */
static void handle_violation(void)
{
	uint64_t qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
	uint64_t error = FAULT_P;

	vmx_violation = (struct violation){
	        .pending = true,
	        .view = ept_view_of(vmcs_read(VMCS_EPT_POINTER)),
	        .address = vmcs_read(VMCS_GUEST_LINEAR),
	        .physical = vmcs_read(VMCS_GUEST_PHYSICAL),
	        .rip = vmcs_read(VMCS_GUEST_RIP),
	        .qualification = qualification,
	};
	if (!(qualification & VIOLATION_LINEAR) || !(qualification & VIOLATION_FINAL) ||
	    vmcs_read(VMCS_IDT_VECTORING) & EVENT_VALID)
		panic("VMX: view %u forbids the kernel's own structures: address %lx, physical %lx, at %lx",
		      vmx_violation.view, vmx_violation.address, vmx_violation.physical, vmx_violation.rip);
	error |= qualification & VIOLATION_WRITE ? FAULT_W : 0;
	error |= qualification & VIOLATION_FETCH ? FAULT_I : 0;
	error |= guest_level() == 3 ? FAULT_U : 0;
	write_cr2(vmx_violation.address);
	vmcs_write(VMCS_ENTRY_ERROR_CODE, error);
	vmcs_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXCEPTION | EVENT_ERROR_CODE | VECTOR_PF);
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
	invalidate_ept();
	skip_instruction();
}

bool vmx_handle_exit(struct monitor_frame *frame)
{
	uint32_t reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);

	exits++;
	switch (reason) {
	case EXIT_CPUID:
		handle_cpuid(frame);
		break;
	case EXIT_XSETBV:
		__asm__ volatile("xsetbv"
		                 :
		                 : "c"((uint32_t)frame->rcx), "a"((uint32_t)frame->rax),
		                   "d"((uint32_t)frame->rdx));
		skip_instruction();
		break;
	case EXIT_EPT_VIOLATION:
		handle_violation();
		break;
	case EXIT_VMCALL:
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
	case EXIT_GETSEC:
	case EXIT_VMCLEAR ... EXIT_VMXON:
	case EXIT_INVEPT:
	case EXIT_INVVPID:
		inject_invalid_opcode();
		break;
	case EXIT_TRIPLE_FAULT:
		panic("VMX: triple fault at %lx", vmcs_read(VMCS_GUEST_RIP));
	default:
		panic("VMX: exit for reason %u at %lx", reason, vmcs_read(VMCS_GUEST_RIP));
	}
	return true;
}

void vmx_resume_failed(void)
{
	panic("VMX: VMRESUME failed, error %lu", vmcs_read(VMCS_INSTRUCTION_ERROR));
}
