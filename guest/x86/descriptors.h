/* The CPU's descriptor tables: GDT, TSS, IDT (SDM vol. 3A, chapters 3, 6, 8), and the SYSCALL registers. */
#ifndef GUEST_X86_DESCRIPTORS_H
#define GUEST_X86_DESCRIPTORS_H

#include "x86/percpu.h"

void descriptors_init(struct cpu *cpu); /* loads them on this CPU and makes `cpu` its GS base */

#endif
