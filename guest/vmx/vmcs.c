/* The VMCS of a late launch: guest and host state are both the kernel's. Intel SDM vol. 3C, 24.4, 24.5
 * and 26. */
#include "lib/lib.h"
#include "mm/kernel_map.h"
#include "vmx/ept.h"
#include "vmx/monitor.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"

#define VPID 1

struct pseudo_descriptor {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* ---- controls
 * ---------------------------------------------------------------------------------------------- */

static void fill_controls(paddr_t exception_page)
{
	paddr_t bitmap = frame_alloc_zeroed(NULL); /* no MSR access exits */
	uint32_t secondary = PROC2_EPT | PROC2_RDTSCP | PROC2_VPID | PROC2_INVPCID | PROC2_VMFUNC |
	                     PROC2_XSAVES | (exception_page ? PROC2_EXCEPTIONS : 0);

	if (!bitmap)
		panic("VMX: no memory for the MSR bitmap");
	vmcs_write(VMCS_PIN_CONTROLS, vmx_controls(MSR_VMX_PINBASED, MSR_VMX_TRUE_PINBASED, 0));
	vmcs_write(VMCS_PROC_CONTROLS, vmx_controls(MSR_VMX_PROCBASED, MSR_VMX_TRUE_PROCBASED,
	                                            PROC_MSR_BITMAPS | PROC_SECONDARY));
	vmcs_write(VMCS_PROC2_CONTROLS, vmx_controls(MSR_VMX_PROCBASED2, MSR_VMX_PROCBASED2, secondary));
	vmcs_write(VMCS_EXIT_CONTROLS,
	           vmx_controls(MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT,
	                        EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_EFER | EXIT_LOAD_EFER));
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_controls(MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY,
	                                             ENTRY_LOAD_DEBUG | ENTRY_GUEST_64 | ENTRY_LOAD_EFER));
	vmcs_write(VMCS_MSR_BITMAP, bitmap);
	vmcs_write(VMCS_VMFUNC_CONTROLS, VMFUNC_EPTP_SWITCHING);
	vmcs_write(VMCS_EPTP_LIST, ept_list());
	vmcs_write(VMCS_EPT_POINTER, ept_application());
	vmcs_write(VMCS_VPID, VPID);
	if (exception_page) {
		vmcs_write(VMCS_EXCEPTION_PAGE, exception_page);
		vmcs_write(VMCS_EPTP_INDEX, VIEW_APPLICATION);
	}
	vmcs_write(VMCS_LINK_POINTER, UINT64_MAX);
}

/* ---- segments
 * ---------------------------------------------------------------------------------------------- */

#define READ_SELECTOR(name)                                                                                  \
	({                                                                                                   \
		uint16_t selector;                                                                           \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(selector));                                    \
		selector;                                                                                    \
	})

/* `index` in the order of the fields: ES CS SS DS FS GS LDTR TR. */
static void fill_segment(unsigned index, uint16_t selector, uint64_t base)
{
	uint32_t rights = 0, limit = 0;

	if (selector & ~3) {
		__asm__("lar %1, %0" : "=r"(rights) : "r"((uint32_t)selector) : "cc");
		__asm__("lsl %1, %0" : "=r"(limit) : "r"((uint32_t)selector) : "cc");
		rights = rights >> 8 & 0xf0ff;
	}
	vmcs_write(VMCS_GUEST_ES + 2 * index, selector);
	vmcs_write(VMCS_GUEST_ES_BASE + 2 * index, base);
	vmcs_write(VMCS_GUEST_ES_LIMIT + 2 * index, limit);
	vmcs_write(VMCS_GUEST_ES_RIGHTS + 2 * index, rights ? rights : SEGMENT_UNUSABLE);
}

static uint64_t tss_base(const struct pseudo_descriptor *gdtr)
{
	const uint64_t *entry = (const uint64_t *)(gdtr->base + SELECTOR_TSS);

	return (entry[0] >> 16 & 0xffffff) | (entry[0] >> 56) << 24 | entry[1] << 32;
}

static void fill_segments(void)
{
	struct pseudo_descriptor gdtr, idtr;

	__asm__ volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	fill_segment(0, READ_SELECTOR(es), 0);
	fill_segment(1, READ_SELECTOR(cs), 0);
	fill_segment(2, READ_SELECTOR(ss), 0);
	fill_segment(3, READ_SELECTOR(ds), 0);
	fill_segment(4, READ_SELECTOR(fs), read_msr(MSR_FS_BASE));
	fill_segment(5, READ_SELECTOR(gs), read_msr(MSR_GS_BASE));
	fill_segment(6, 0, 0);
	fill_segment(7, SELECTOR_TSS, tss_base(&gdtr));
	vmcs_write(VMCS_GUEST_GDTR_BASE, gdtr.base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, gdtr.limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, idtr.base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, idtr.limit);

	vmcs_write(VMCS_HOST_ES + 2 * 1, SELECTOR_KERNEL_CODE);
	vmcs_write(VMCS_HOST_ES + 2 * 2, SELECTOR_KERNEL_DATA);
	vmcs_write(VMCS_HOST_TR, SELECTOR_TSS);
	vmcs_write(VMCS_HOST_TR_BASE, tss_base(&gdtr));
	vmcs_write(VMCS_HOST_GS_BASE, read_msr(MSR_GS_BASE));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdtr.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idtr.base);
}

void vmcs_fill(uint64_t monitor_stack, paddr_t exception_page)
{
	uint64_t rflags;

	fill_controls(exception_page);
	fill_segments();
	__asm__ volatile("pushfq; pop %0" : "=r"(rflags));
	vmcs_write(VMCS_GUEST_RFLAGS, rflags);
	vmcs_write(VMCS_GUEST_CR0, read_cr0());
	vmcs_write(VMCS_GUEST_CR3, read_cr3());
	vmcs_write(VMCS_GUEST_CR4, read_cr4());
	vmcs_write(VMCS_GUEST_DR7, read_dr7());
	vmcs_write(VMCS_GUEST_EFER, read_msr(MSR_EFER));
	vmcs_write(VMCS_HOST_CR0, read_cr0());
	vmcs_write(VMCS_HOST_CR3, kernel_pml4);
	vmcs_write(VMCS_HOST_CR4, read_cr4());
	vmcs_write(VMCS_HOST_EFER, read_msr(MSR_EFER));
	vmcs_write(VMCS_HOST_RSP, monitor_stack);
	vmcs_write(VMCS_HOST_RIP, (uint64_t)vmx_exit_entry);
}
