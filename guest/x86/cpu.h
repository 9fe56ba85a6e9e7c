/*
 * x86-64 registers and instructions, one accessor each. Names and bit positions: Intel SDM vol. 3A (control
 * registers 2.5, page-table entries 4.5, page-fault error code 4.7, debug registers 17.2) and vol. 4 (MSRs).
 */
#ifndef GUEST_X86_CPU_H
#define GUEST_X86_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/tlb_model.h"
#include "x86/cpu_asm.h"

#define CR0_PE (1UL << 0)
#define CR0_MP (1UL << 1)
#define CR0_TS (1UL << 3)
#define CR0_NE (1UL << 5)
#define CR0_WP (1UL << 16)
#define CR0_AM (1UL << 18)
#define CR0_PG (1UL << 31)

#define CR4_PAE        (1UL << 5)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_UMIP       (1UL << 11)
#define CR4_VMXE       (1UL << 13)
#define CR4_FSGSBASE   (1UL << 16)
#define CR4_PCIDE      (1UL << 17)
#define CR4_OSXSAVE    (1UL << 18)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)
#define CR4_PKE        (1UL << 22)

#define XCR0_X87  (1UL << 0)
#define XCR0_SSE  (1UL << 1)
#define XCR0_AVX  (1UL << 2)
#define XCR0_PKRU (1UL << 9)

#define RFLAGS_CF   (1UL << 0)
#define RFLAGS_MBS1 (1UL << 1) /* always 1 */
#define RFLAGS_TF   (1UL << 8)
#define RFLAGS_IF   (1UL << 9)
#define RFLAGS_DF   (1UL << 10)
#define RFLAGS_IOPL (3UL << 12)
#define RFLAGS_NT   (1UL << 14)
#define RFLAGS_RF   (1UL << 16)
#define RFLAGS_AC   (1UL << 18)
#define RFLAGS_USER 0x254dd5UL /* what a program may change: CF PF AF ZF SF TF DF OF RF AC ID */

#define PTE_P         (1UL << 0)
#define PTE_W         (1UL << 1)
#define PTE_U         (1UL << 2)
#define PTE_PWT       (1UL << 3)
#define PTE_PCD       (1UL << 4)
#define PTE_A         (1UL << 5)
#define PTE_D         (1UL << 6)
#define PTE_PS        (1UL << 7)
#define PTE_G         (1UL << 8)
#define PTE_KEY_SHIFT 59
#define PTE_NX        (1UL << 63)
#define PTE_ADDRESS   0x000ffffffffff000UL

#define FAULT_P    (1UL << 0) /* 0: not present, 1: a right is missing */
#define FAULT_W    (1UL << 1)
#define FAULT_U    (1UL << 2)
#define FAULT_RSVD (1UL << 3)
#define FAULT_I    (1UL << 4) /* instruction fetch */
#define FAULT_PK   (1UL << 5)

#define MSR_APIC_BASE       0x1b
#define MSR_FEATURE_CONTROL 0x3a
#define MSR_TSC_DEADLINE    0x6e0
#define MSR_EFER            0xc0000080
#define MSR_STAR            0xc0000081
#define MSR_LSTAR           0xc0000082
#define MSR_SFMASK          0xc0000084
#define MSR_FS_BASE         0xc0000100
#define MSR_KERNEL_GS_BASE  0xc0000102

#define EFER_SCE (1UL << 0)
#define EFER_LME (1UL << 8)
#define EFER_NXE (1UL << 11)

/* Exception and interrupt vectors. */
#define VECTOR_DE       0
#define VECTOR_DB       1
#define VECTOR_NMI      2
#define VECTOR_BP       3
#define VECTOR_OF       4
#define VECTOR_BR       5
#define VECTOR_UD       6
#define VECTOR_NM       7
#define VECTOR_DF       8
#define VECTOR_TS       10
#define VECTOR_NP       11
#define VECTOR_SS       12
#define VECTOR_GP       13
#define VECTOR_PF       14
#define VECTOR_MF       16
#define VECTOR_AC       17
#define VECTOR_MC       18
#define VECTOR_XM       19
#define VECTOR_VE       20
#define VECTOR_TIMER    32
#define VECTOR_SPURIOUS 255

#define DEFINE_CR(number)                                                                                    \
	static inline uint64_t read_cr##number(void)                                                         \
	{                                                                                                    \
		uint64_t value;                                                                              \
		__asm__ volatile("mov %%cr" #number ", %0" : "=r"(value));                                   \
		return value;                                                                                \
	}                                                                                                    \
	static inline void write_cr##number(uint64_t value)                                                  \
	{                                                                                                    \
		__asm__ volatile("mov %0, %%cr" #number : : "r"(value) : "memory");                          \
		if (number == 3)                                                                             \
			tlb_model_cr3(value);                                                                \
	}
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)

#define DEFINE_DR(number)                                                                                    \
	static inline uint64_t read_dr##number(void)                                                         \
	{                                                                                                    \
		uint64_t value;                                                                              \
		__asm__ volatile("mov %%dr" #number ", %0" : "=r"(value));                                   \
		return value;                                                                                \
	}                                                                                                    \
	static inline void write_dr##number(uint64_t value)                                                  \
	{                                                                                                    \
		__asm__ volatile("mov %0, %%dr" #number : : "r"(value));                                     \
	}
DEFINE_DR(0)
DEFINE_DR(1)
DEFINE_DR(2)
DEFINE_DR(3)
DEFINE_DR(6)
DEFINE_DR(7)

static inline uint64_t read_msr(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t index, uint64_t value)
{
	__asm__ volatile("wrmsr"
	                 :
	                 : "c"(index), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
	                 : "memory");
}

static inline void write_xcr0(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
	                 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
	                 : "a"(leaf), "c"(subleaf));
	return r;
}

/* value * multiplier / divisor with a 128-bit product; UINT64_MAX when the result does not fit. */
static inline uint64_t scale(uint64_t value, uint64_t multiplier, uint64_t divisor)
{
	unsigned __int128 product = (unsigned __int128)value * multiplier;
	uint64_t low = (uint64_t)product, high = (uint64_t)(product >> 64), remainder;

	if (high >= divisor)
		return UINT64_MAX;
	__asm__("divq %4" : "=a"(low), "=d"(remainder) : "0"(low), "1"(high), "r"(divisor) : "cc");
	return low;
}

/* Only where CR4.PKE is set. */
static inline uint32_t read_pkru(void)
{
	uint32_t value;

	__asm__ volatile("rdpkru" : "=a"(value) : "c"(0) : "edx");
	return value;
}

static inline void write_pkru(uint32_t value)
{
	__asm__ volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}

static inline uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void invlpg(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
	tlb_model_page(address);
}

/* Every translation of every PCID but the global ones (SDM vol. 2A, INVPCID, type 3). */
static inline void invpcid_all(void)
{
	static const uint64_t descriptor[2];

	__asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(3UL) : "memory");
	tlb_model_all();
}

static inline void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline void interrupts_off(void)
{
	__asm__ volatile("cli" : : : "memory");
}

/* SMAP: opens and closes the kernel's access to user pages. */
static inline void stac(void)
{
	__asm__ volatile("stac" : : : "memory");
}

static inline void clac(void)
{
	__asm__ volatile("clac" : : : "memory");
}

#endif
