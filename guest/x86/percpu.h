/*
 * Per-CPU state. The kernel's GS base points at the CPU's own `struct cpu`; trap entry swaps it in. One CPU
 * runs for now, but nothing outside this file and x86/descriptors.c knows how many there are.
 */
#ifndef GUEST_X86_PERCPU_H
#define GUEST_X86_PERCPU_H

#define CPU_KERNEL_STACK 8 /* offsets for assembly, checked in percpu.c */
#define CPU_USER_STACK   16
#define CPU_GATE_TABLE   24
#define CPU_GATE_CURRENT 32
#define CPU_GATE_FRAMES  40
#define CPU_GATE_LIMIT   48
#define CPU_GATE_STACK   56

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

struct thread;
struct space;

struct cpu {
	struct thread *thread; /* that runs now */
	uint64_t kernel_stack; /* top of its kernel stack: where system calls start */
	uint64_t user_stack;   /* scratch of the system-call entry */
	struct gate_state {
		struct gate *
		        table; /* of the current space, by domain slot; all zero where there are no domains */
		struct gate *current; /* of the domain that the thread is inside; that of the application when
		                         it is in none */
		uint64_t frames;      /* address of the innermost gate frame */
		uint64_t frames_limit; /* below it there is no room for another */
		uint64_t *stacks;      /* tops of the thread's protected stacks, by domain slot: in its thread page */
	} gate;                        /* of the current thread: see domain/gate.h */
	uint64_t last_tsc;             /* when time was last accounted */
	struct space *space;           /* in CR3; NULL: the kernel's own */
	struct thread *idle;           /* runs when nothing else can */
	struct thread *retired;        /* left for ever; freed by the thread that runs next */
	uint64_t quantum;              /* ticks that the current thread may run at a stretch, */
	uint64_t quantum_end;          /* and the TSC when others may have the CPU */
	uint64_t armed;                /* TSC of the next timer interrupt, 0: none */
	bool reschedule;               /* before the next return to user mode */
	bool limited;                  /* the quantum ends even if nobody else can run: a library may run over its budget */
	uint32_t number;
};

#define this_cpu ((__seg_gs struct cpu *)0)

static inline struct thread *current_thread(void)
{
	return this_cpu->thread;
}
#endif
#endif
