#include "x86/descriptors.h"

#include "lib/lib.h"
#include "x86/cpu.h"
#include "x86/entry.h"

#define ENTRY_STACK_SIZE 1024 /* a trap leaves it within a few instructions */
#define FAULT_STACK_SIZE 8192 /* double fault, NMI: the handlers run there */

#define IST_ENTRY        1
#define IST_NMI          2
#define IST_DOUBLE_FAULT 3

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* IST1 is ist[0] */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));

struct gate_descriptor {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type; /* P, DPL, type */
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

struct pseudo_descriptor {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

#define GATE_INTERRUPT  0x8e /* present, DPL 0, 64-bit interrupt gate */
#define GATE_DPL3       0x60
#define GDT_KERNEL_CODE 0x00af9b000000ffff
#define GDT_KERNEL_DATA 0x00cf93000000ffff
#define GDT_USER_DATA   0x00cff3000000ffff
#define GDT_USER_CODE   0x00affb000000ffff
#define GDT_ENTRIES     8

/* What RFLAGS bits SYSCALL clears: TF, IF, DF, IOPL, NT, AC. */
#define SYSCALL_MASK (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_AC)

struct tables {
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss;
	uint8_t entry_stack[ENTRY_STACK_SIZE] __attribute__((aligned(16)));
	uint8_t nmi_stack[FAULT_STACK_SIZE] __attribute__((aligned(16)));
	uint8_t double_fault_stack[FAULT_STACK_SIZE] __attribute__((aligned(16)));
};

static struct tables boot_cpu_tables;
static struct gate_descriptor idt[256] __attribute__((aligned(16)));

static void set_gate(unsigned vector, uint8_t ist, uint8_t type)
{
	uint64_t target = (uint64_t)trap_stubs + vector * TRAP_STUB_SIZE;

	idt[vector] = (struct gate_descriptor){
	        .offset_low = target & 0xffff,
	        .selector = SELECTOR_KERNEL_CODE,
	        .ist = ist,
	        .type = type,
	        .offset_middle = target >> 16 & 0xffff,
	        .offset_high = target >> 32,
	};
}

static void set_tss_descriptor(uint64_t *gdt, const struct tss *tss)
{
	uint64_t base = (uint64_t)tss, limit = sizeof(*tss) - 1;

	gdt[0] = limit | (base & 0xffffff) << 16 | 0x89UL << 40 |
	         (base >> 24 & 0xff) << 56; /* available TSS */
	gdt[1] = base >> 32;
}

void descriptors_init(struct cpu *cpu)
{
	struct tables *tables = &boot_cpu_tables;
	struct pseudo_descriptor gdtr = {sizeof(tables->gdt) - 1, (uint64_t)tables->gdt};
	struct pseudo_descriptor idtr = {sizeof(idt) - 1, (uint64_t)idt};

	tables->gdt[SELECTOR_KERNEL_CODE / 8] = GDT_KERNEL_CODE;
	tables->gdt[SELECTOR_KERNEL_DATA / 8] = GDT_KERNEL_DATA;
	tables->gdt[SELECTOR_USER_DATA / 8] = GDT_USER_DATA;
	tables->gdt[SELECTOR_USER_CODE / 8] = GDT_USER_CODE;
	set_tss_descriptor(&tables->gdt[SELECTOR_TSS / 8], &tables->tss);
	tables->tss.ist[IST_ENTRY - 1] = (uint64_t)(tables->entry_stack + ENTRY_STACK_SIZE);
	tables->tss.ist[IST_NMI - 1] = (uint64_t)(tables->nmi_stack + FAULT_STACK_SIZE);
	tables->tss.ist[IST_DOUBLE_FAULT - 1] = (uint64_t)(tables->double_fault_stack + FAULT_STACK_SIZE);
	tables->tss.io_map = sizeof(tables->tss); /* no I/O port for user mode */

	for (unsigned vector = 0; vector < 256; vector++)
		set_gate(vector, IST_ENTRY, GATE_INTERRUPT);
	set_gate(VECTOR_NMI, IST_NMI, GATE_INTERRUPT);
	set_gate(VECTOR_DF, IST_DOUBLE_FAULT, GATE_INTERRUPT);
	set_gate(VECTOR_BP, IST_ENTRY, GATE_INTERRUPT | GATE_DPL3);
	set_gate(VECTOR_OF, IST_ENTRY, GATE_INTERRUPT | GATE_DPL3);

	__asm__ volatile("lgdt %0; lidt %1" : : "m"(gdtr), "m"(idtr));
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"(SELECTOR_KERNEL_DATA));
	__asm__ volatile("mov %0, %%fs; mov %0, %%gs" : : "r"(0));
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
	write_msr(MSR_GS_BASE, (uint64_t)cpu);
	write_msr(MSR_KERNEL_GS_BASE, 0);

	write_msr(MSR_STAR, (uint64_t)SELECTOR_SYSRET_BASE << 48 | (uint64_t)SELECTOR_KERNEL_CODE << 32);
	write_msr(MSR_LSTAR, (uint64_t)syscall_entry);
	write_msr(MSR_SFMASK, SYSCALL_MASK);
}
