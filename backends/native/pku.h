/* What the monitor asks backend `pku`, and what its gate shares with it. */
#ifndef NATIVE_PKU_H
#define NATIVE_PKU_H

#include "portcullis/abi.h"

/*
 * The backend's part of the gate data: offsets from the domain's first byte.
 *
 * Each protected stack has a cell. It holds the stack's top while the stack is free; a thread that enters
 * swaps its stack pointer with it, which is then the stack's, and nobody else's. What it swaps in is the top
 * of the stack's landing: memory of the program, on which a signal finds room while the thread has the
 * library's rights and no stack of its own. Tops and landings stand in tables beside the cells.
 */
#define PKU_CELLS         (PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_BACKEND) /* inside[] */
#define PKU_ENTRIES       (PKU_CELLS + 0x2000) /* functions[], both of struct native_gate */
#define PKU_TOPS          0x6000               /* from the cells */
#define PKU_LANDINGS      0x8000
#define PKU_CONTROL_WORDS (PKU_CELLS + 0xa000)
#define PKU_SECRET        (PKU_CONTROL_WORDS + 64) /* 8 random bytes: the caller's side of nested gates */

#define PKU_LANDING_OFFSET 0x200000 /* in the domain */
#define PKU_LANDING_SIZE   0x3000   /* of one stack */

/* Gate pages: the gate, its twin, which calls the monitor at the end, and the thunks. */
#define PKU_TWIN     0x400
#define PKU_FALLBACK 0xff0 /* what a failed domain's gate calls */
#define PKU_THUNKS   0x1000

/* Gates to other libraries, by the number of their domain; each is followed by its thunks. */
#define PKU_NESTED        0xe00000 /* from the domain's first byte, up to the image */
#define PKU_NESTED_SIZE   0x5000
#define PKU_NESTED_THUNKS 0x1000 /* from the gate */

/* In the gate: operands that are replaced, and stand nowhere else in it. */
#define PKU_PLACEHOLDER_RIGHTS 0x50434e01
#define PKU_PLACEHOLDER_COUNT  0x50434e02
#define PKU_PLACEHOLDER_SLOTS  0x50434e03 /* slots of this process in the domain, a power of two, less one */
#define PKU_PLACEHOLDER_WRAP   0x50434e04 /* the same in bytes of cells */

#define PKU_PLACEHOLDER_SECRET 0x50434e0550434e05 /* address of the caller's secret */
#define PKU_PLACEHOLDER_CELLS  0x50434e0650434e06 /* address of the callee's cells */

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

/* Puts memory under the monitor's key. 0 or -errno. */
long pku_own(uint64_t start, uint64_t size);

/* May a thread on a protected stack be at this instruction of a gate? True for all other instructions. */
bool pku_possible(uint64_t instruction);

/* Is it an instruction of a gate, from an application or from a library? */
bool pku_in_gate(uint64_t instruction);

/* Does the address lie on a protected stack, or on a landing? */
bool pku_on_stack(uint64_t address);
bool pku_landing(uint64_t address);

/* A thread of the program that was interrupted in a gate, with the library's rights or about to get or lose
 * them, continues with its own where the gate takes that step. */
void pku_leave_gate(greg_t *registers);

/* The outermost gate on a thread's way out becomes its twin. */
void pku_divert(greg_t *registers);
#endif
#endif
