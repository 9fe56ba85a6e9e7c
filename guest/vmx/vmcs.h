/*
 * VMX by the numbers: VMCS field encodings (Intel SDM vol. 3D, appendix B), exit reasons (appendix C),
 * controls (vol. 3C, 24.6 to 24.8) and capability MSRs (appendix A). Only what the monitor uses.
 */
#ifndef GUEST_VMX_VMCS_H
#define GUEST_VMX_VMCS_H

/* ---- capability MSRs ---- */
#define MSR_VMX_BASIC          0x480
#define MSR_VMX_PINBASED       0x481
#define MSR_VMX_PROCBASED      0x482
#define MSR_VMX_EXIT           0x483
#define MSR_VMX_ENTRY          0x484
#define MSR_VMX_CR0_FIXED0     0x486
#define MSR_VMX_CR0_FIXED1     0x487
#define MSR_VMX_CR4_FIXED0     0x488
#define MSR_VMX_CR4_FIXED1     0x489
#define MSR_VMX_PROCBASED2     0x48b
#define MSR_VMX_EPT_VPID_CAP   0x48c
#define MSR_VMX_TRUE_PINBASED  0x48d
#define MSR_VMX_TRUE_PROCBASED 0x48e
#define MSR_VMX_TRUE_EXIT      0x48f
#define MSR_VMX_TRUE_ENTRY     0x490
#define MSR_VMX_VMFUNC         0x491

#define VMX_BASIC_REVISION      0x7fffffffU
#define VMX_BASIC_TRUE_CONTROLS (1UL << 55)

#define FEATURE_CONTROL_LOCK (1UL << 0)
#define FEATURE_CONTROL_VMX  (1UL << 2) /* outside SMX operation */

#define EPT_CAP_WALK_4      (1UL << 6)
#define EPT_CAP_WRITE_BACK  (1UL << 14)
#define EPT_CAP_2MIB        (1UL << 16)
#define EPT_CAP_1GIB        (1UL << 17)
#define EPT_CAP_INVEPT      (1UL << 20)
#define EPT_CAP_INVEPT_ALL  (1UL << 26)
#define EPT_CAP_INVVPID     (1UL << 32)
#define EPT_CAP_INVVPID_ALL (1UL << 42)

#define VMFUNC_EPTP_SWITCHING (1UL << 0) /* leaf 0 */

/* ---- controls ---- */
#define PROC_MSR_BITMAPS (1U << 28)
#define PROC_SECONDARY   (1U << 31)
#define PROC_CR3_LOAD    (1U << 15)
#define PROC_CR3_STORE   (1U << 16)
#define PROC2_EPT        (1U << 1)
#define PROC2_RDTSCP     (1U << 3)
#define PROC2_VPID       (1U << 5)
#define PROC2_INVPCID    (1U << 12)
#define PROC2_VMFUNC     (1U << 13)
#define PROC2_EXCEPTIONS (1U << 18) /* EPT violations raise #VE */
#define PROC2_XSAVES     (1U << 20)
#define EXIT_SAVE_DEBUG  (1U << 2) /* DR7 and IA32_DEBUGCTL */
#define EXIT_HOST_64     (1U << 9)
#define EXIT_SAVE_EFER   (1U << 20)
#define EXIT_LOAD_EFER   (1U << 21)
#define ENTRY_LOAD_DEBUG (1U << 2)
#define ENTRY_GUEST_64   (1U << 9)
#define ENTRY_LOAD_EFER  (1U << 15)

/* ---- fields ---- */
#define VMCS_VPID               0x0000
#define VMCS_EPTP_INDEX         0x0004 /* of the current view: kept by the CPU where #VE is on */
#define VMCS_GUEST_ES           0x0800 /* + 2 for each of CS SS DS FS GS LDTR TR */
#define VMCS_HOST_ES            0x0c00 /* + 2 for each of CS SS DS FS GS, then TR */
#define VMCS_HOST_TR            0x0c0c
#define VMCS_MSR_BITMAP         0x2004
#define VMCS_VMFUNC_CONTROLS    0x2018
#define VMCS_EPT_POINTER        0x201a
#define VMCS_EPTP_LIST          0x2024
#define VMCS_EXCEPTION_PAGE     0x202a /* virtualization-exception information */
#define VMCS_GUEST_PHYSICAL     0x2400
#define VMCS_LINK_POINTER       0x2800
#define VMCS_GUEST_EFER         0x2806
#define VMCS_HOST_EFER          0x2c02
#define VMCS_PIN_CONTROLS       0x4000
#define VMCS_PROC_CONTROLS      0x4002
#define VMCS_EXIT_CONTROLS      0x400c
#define VMCS_ENTRY_CONTROLS     0x4012
#define VMCS_ENTRY_EVENT        0x4016
#define VMCS_ENTRY_ERROR_CODE   0x4018
#define VMCS_ENTRY_LENGTH       0x401a
#define VMCS_PROC2_CONTROLS     0x401e
#define VMCS_INSTRUCTION_ERROR  0x4400
#define VMCS_EXIT_REASON        0x4402
#define VMCS_IDT_VECTORING      0x4408
#define VMCS_EXIT_LENGTH        0x440c
#define VMCS_GUEST_ES_LIMIT     0x4800 /* + 2, as above */
#define VMCS_GUEST_GDTR_LIMIT   0x4810
#define VMCS_GUEST_IDTR_LIMIT   0x4812
#define VMCS_GUEST_ES_RIGHTS    0x4814 /* + 2, as above */
#define VMCS_GUEST_CS_RIGHTS    0x4816
#define VMCS_GUEST_SS_RIGHTS    0x4818
#define VMCS_EXIT_QUALIFICATION 0x6400
#define VMCS_GUEST_LINEAR       0x640a
#define VMCS_GUEST_CR0          0x6800
#define VMCS_GUEST_CR3          0x6802
#define VMCS_GUEST_CR4          0x6804
#define VMCS_GUEST_ES_BASE      0x6806 /* + 2, as above */
#define VMCS_GUEST_FS_BASE      0x680e
#define VMCS_GUEST_GS_BASE      0x6810
#define VMCS_GUEST_TR_BASE      0x6814
#define VMCS_GUEST_GDTR_BASE    0x6816
#define VMCS_GUEST_IDTR_BASE    0x6818
#define VMCS_GUEST_DR7          0x681a
#define VMCS_GUEST_RSP          0x681c
#define VMCS_GUEST_RIP          0x681e
#define VMCS_GUEST_RFLAGS       0x6820
#define VMCS_HOST_CR0           0x6c00
#define VMCS_HOST_CR3           0x6c02
#define VMCS_HOST_CR4           0x6c04
#define VMCS_HOST_FS_BASE       0x6c06
#define VMCS_HOST_GS_BASE       0x6c08
#define VMCS_HOST_TR_BASE       0x6c0a
#define VMCS_HOST_GDTR_BASE     0x6c0c
#define VMCS_HOST_IDTR_BASE     0x6c0e
#define VMCS_HOST_RSP           0x6c14
#define VMCS_HOST_RIP           0x6c16

#define SEGMENT_UNUSABLE 0x10000
#define EVENT_VALID      (1U << 31)
#define EVENT_EXCEPTION  (3U << 8)
#define EVENT_ERROR_CODE (1U << 11)

/* Exit qualification of an EPT violation (vol. 3C, table 27-7). */
#define VIOLATION_WRITE  (1UL << 1)
#define VIOLATION_FETCH  (1UL << 2)
#define VIOLATION_LINEAR (1UL << 7) /* the linear address is valid */
#define VIOLATION_FINAL  (1UL << 8) /* of the address itself, not of a paging structure */

/* ---- exit reasons ---- */
#define EXIT_TRIPLE_FAULT  2
#define EXIT_CPUID         10
#define EXIT_GETSEC        11
#define EXIT_VMCALL        18
#define EXIT_VMCLEAR       19 /* to VMXON: the instructions of VMX operation */
#define EXIT_VMXON         27
#define EXIT_EPT_VIOLATION 48
#define EXIT_INVEPT        50
#define EXIT_INVVPID       53
#define EXIT_XSETBV        55
#define EXIT_VMFUNC        59
#define EXIT_REASONS       70
#define EXIT_REASON_MASK   0xffff

#endif
