/* Constants that assembly shares with C; the offsets are checked in x86/regs.c. */
#ifndef GUEST_X86_CPU_ASM_H
#define GUEST_X86_CPU_ASM_H

#define VECTOR_SYSCALL            256
#define VECTOR_SYSCALL_OF_LIBRARY 257 /* by a library in ring 0: returned from by IRETQ */

/* Segment selectors of the GDT (x86/descriptors.c). SYSRET derives the user ones from STAR: SS = +8, CS =
 * +16. */
#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_SYSRET_BASE 0x1b
#define SELECTOR_USER_DATA   0x23
#define SELECTOR_USER_CODE   0x2b
#define SELECTOR_TSS         0x30

/* In the CS word of a frame: ring 0 with the user's GS base. IRETQ takes the low 16 bits of the word alone.
 */
#define CS_USER_GS 0x10000

#define MSR_GS_BASE 0xc0000101

/* Offsets in struct regs. */
#define REGS_R15    0
#define REGS_R14    8
#define REGS_R13    16
#define REGS_R12    24
#define REGS_RBP    32
#define REGS_RBX    40
#define REGS_R11    48
#define REGS_R10    56
#define REGS_R9     64
#define REGS_R8     72
#define REGS_RAX    80
#define REGS_RCX    88
#define REGS_RDX    96
#define REGS_RSI    104
#define REGS_RDI    112
#define REGS_VECTOR 120
#define REGS_ERROR  128
#define REGS_RIP    136
#define REGS_CS     144
#define REGS_RFLAGS 152
#define REGS_RSP    160
#define REGS_SS     168
#define REGS_SIZE   176

#endif
