/*
 * Gates that pass through the kernel: backends whose thunks use SYSCALL with a number from GATE_CALL up. They
 * replace IA32_LSTAR by an entry of their own while a thread of theirs runs, so that other processes' system
 * calls pay nothing.
 *
 *     number = GATE_CALL | domain slot << GATE_SLOT_SHIFT | index of the entry point
 *
 * An entrance pushes a frame on the thread's own frame stack, which only the kernel can reach. A call from
 * library to library moves the top of the caller's stack, which the thread page holds, down to the caller's
 * RSP, so that the caller may be entered again.
 */
#ifndef GUEST_DOMAIN_GATE_H
#define GUEST_DOMAIN_GATE_H

#define GATE_CALL       0x40000000
#define GATE_SLOT_SHIFT 16
#define GATE_SLOT_MASK  127 /* slots of a table; those from DOMAIN_SLOT_COUNT on stay empty */

#define GATE_SHIFT     6 /* log2 of sizeof(struct gate) */
#define GATE_COUNT     0
#define GATE_FUNCTIONS 8
#define GATE_STACK     16
#define GATE_CR3       24
#define GATE_ENTRY     32
#define GATE_DOMAIN    40

#define GATE_DEPTH_MAX  8
#define GATE_FRAME_SIZE 40

#ifndef __ASSEMBLER__
#include "domain/domain.h"

struct gate {
	uint64_t count;            /* of entry points; 0: no such domain */
	const uint64_t *functions; /* their addresses */
	uint64_t stack;        /* offset of its stack's word in the part of the thread page with stack tops */
	uint64_t cr3;          /* of the domain's view, PCID bits included */
	uint64_t entry;        /* address of code in the domain that calls RAX */
	struct domain *domain; /* NULL: the application's own gate */
	uint64_t unused[2];
};

struct gate_frame {
	uint64_t stack_top; /* of the calling library before the call; 0: the application called */
	struct gate *previous;
	uint64_t rsp, rflags, rip; /* of the caller */
};

/* A space's gates: made with the first attachment. */
struct gate_table {
	struct gate gates[GATE_SLOT_MASK + 1];
	struct gate application;
};

/* Sets up and clears a domain's gate in the space's table (made if need be). NULL: out of memory. */
struct gate *gate_open(struct domain *domain, struct space *space);
void gate_close(struct domain *domain, struct space *space);

/* Frees the space's table. */
void gate_release(struct space *space);

/* Has the thread entered the domain by such a gate, and not left it? */
bool gate_entered(const struct domain *domain, const struct thread *thread);

/* The domain that the current thread is inside by such a gate, and where that entrance ends. */
struct domain *gate_inside(void);
uint64_t gate_exit_address(void);

/* Puts the thread into the domain for a call by the kernel; what it returns is for gate_drop(), which takes
 * it out again. */
uint64_t gate_raise(struct domain *domain);
void gate_drop(uint64_t previous);

/* Saves and loads the thread's gate state, and IA32_LSTAR. */
void gate_switch_out(struct thread *previous);
void gate_switch_in(struct thread *next, void (*entry)(void));
#endif
#endif
