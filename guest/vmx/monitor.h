/* Inside guest/vmx: instructions of VMX operation (Intel SDM vol. 3C, chapter 30), and the frame of an exit.
 */
#ifndef GUEST_VMX_MONITOR_H
#define GUEST_VMX_MONITOR_H

#include "mm/frame.h"
#include "vmx/vmcs.h"

/* What launch.S leaves on the monitor's stack. */
struct monitor_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t rip, cs, rflags, rsp, ss; /* for the return without VMX: filled when the monitor stops */
};

bool vmx_launch(void);
void vmx_exit_entry(void);

/* Called by launch.S. False: VMX operation has ended; the frame says where the kernel goes on. */
bool vmx_handle_exit(struct monitor_frame *frame);
_Noreturn void vmx_resume_failed(void);

/* What the monitor uses where the CPU has it. */
struct vmx_abilities {
	bool huge_pages; /* EPT pages of 1 GiB */
	bool exceptions; /* EPT violations can become virtualization exceptions (#VE) */
};

/* What the CPU lacks, one sentence, or NULL; vmx/probe.c. */
const char *vmx_probe(struct vmx_abilities *abilities);

/* `wanted` and what the capability MSR demands (SDM vol. 3D, A.3 to A.5); for controls that vmx_probe() has
 * found to exist. */
uint32_t vmx_controls(uint32_t msr, uint32_t true_msr, uint32_t wanted);

/* Fills the current VMCS so that the guest is the running kernel. exception_page 0: EPT violations exit. */
void vmcs_fill(uint64_t monitor_stack, paddr_t exception_page);

/* The page in which the CPU describes virtualization exceptions; 0: out of memory. vmx/violation.c. */
paddr_t violation_page(void);

/* Exit for an EPT violation: it becomes a page fault of the guest. */
void violation_exit(void);

/* Numbers of hypercalls: in RAX; arguments in RDI, RSI, RDX; result in RAX. */
enum hypercall { HYPERCALL_CREATE, HYPERCALL_DESTROY, HYPERCALL_GIVE, HYPERCALL_STOP };

static inline uint64_t vmcs_read(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

/* The privilege level is that of SS: its descriptor privilege level (SDM vol. 3C, 24.4.1). */
static inline unsigned guest_level(void)
{
	return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> 5 & 3;
}

static inline void vmcs_write(uint64_t field, uint64_t value)
{
	bool good;

	__asm__ volatile("vmwrite %2, %1" : "=@cca"(good) : "r"(field), "r"(value));
	if (!good)
		panic("VMX: field %lx cannot be written", field);
}

#endif
