/*
 * EPT violations, each of which becomes a page fault of the guest. Where the CPU can, it raises a
 * virtualization exception in the guest itself (#VE; Intel SDM vol. 3C, 25.5.7); else, and when that is not
 * possible, it exits and the monitor injects the page fault.
 */
#include "mm/kernel_map.h"
#include "plan/counters.h"
#include "vmx/ept.h"
#include "vmx/monitor.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"
#include "x86/regs.h"

struct violation vmx_violation;

/* Virtualization-exception information: SDM vol. 3C, table 25-1. */
static volatile struct {
	uint32_t reason;
	uint32_t busy; /* all ones from an exception until the kernel has taken it; then the next one exits */
	uint64_t qualification, linear, physical;
	uint16_t view; /* EPTP index */
} * information;

paddr_t violation_page(void)
{
	paddr_t page = frame_alloc_zeroed(NULL);

	information = phys_to_virt(page);
	return page;
}

/* Error code of the page fault that stands for vmx_violation. */
static uint64_t record(struct violation violation, bool user)
{
	vmx_violation = violation;
	vmx_violation.pending = true;
	counters[COUNT_EPT_VIOLATIONS]++;
	if (!(violation.qualification & VIOLATION_LINEAR) || !(violation.qualification & VIOLATION_FINAL))
		panic("VMX: view %u forbids the kernel's own structures: address %lx, physical %lx, at %lx",
		      violation.view, violation.address, violation.physical, violation.rip);
	write_cr2(violation.address);
	return FAULT_P | (violation.qualification & VIOLATION_WRITE ? FAULT_W : 0) |
	       (violation.qualification & VIOLATION_FETCH ? FAULT_I : 0) | (user ? FAULT_U : 0);
}

void violation_exit(void)
{
	struct violation violation = {
	        .view = ept_view_of(vmcs_read(VMCS_EPT_POINTER)),
	        .address = vmcs_read(VMCS_GUEST_LINEAR),
	        .physical = vmcs_read(VMCS_GUEST_PHYSICAL),
	        .rip = vmcs_read(VMCS_GUEST_RIP),
	        .qualification = vmcs_read(VMCS_EXIT_QUALIFICATION),
	};

	if (vmcs_read(VMCS_IDT_VECTORING) & EVENT_VALID)
		violation.qualification = 0; /* on the way to a handler: the kernel's own stack or tables */
	vmcs_write(VMCS_ENTRY_ERROR_CODE, record(violation, guest_level() == 3));
	vmcs_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXCEPTION | EVENT_ERROR_CODE | VECTOR_PF);
}

void vmx_exception(struct regs *regs)
{
	struct violation violation = {
	        .view = information->view,
	        .address = information->linear,
	        .physical = information->physical,
	        .rip = regs->rip,
	        .qualification = information->qualification,
	};

	information->busy = 0;
	regs->vector = VECTOR_PF;
	regs->error = record(violation, regs->cs & 3);
}
