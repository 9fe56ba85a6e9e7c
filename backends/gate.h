/*
 * For gates in assembly: what they all do. A gate is copied to the start of a domain's slot, so that it reaches the gate data
 * by a distance from the instruction pointer and needs no address of its own.
 *
 * Register contract of an entrance (System V ABI, AMD64): arguments in RDI, RSI, RDX, RCX, R8, R9, result in RAX; RBX, RBP,
 * R12 to R15 are the library's to preserve; RAX, R10, R11 are free, and so are XMM8 to XMM15. Thunks load the index
 * of the entry point into EAX and jump to the gate.
 */
#ifndef BACKENDS_GATE_H
#define BACKENDS_GATE_H

#include "domain/thread_page.h"
#include "portcullis/abi.h"

/* Entry points: uint64_t addresses, first in the backend's part of the gate data. */
#define GATE_ENTRIES (PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_BACKEND)


#ifdef __ASSEMBLER__

/* lea of an offset in the domain's slot; `start` labels the gate's first instruction. */
.macro	lea_domain offset, register, start
	lea	(\start + \offset)(%rip), \register
.endm

/* Leaves nothing of the library's in the scratch registers but RAX. */
.macro	scrub_general
	xor	%edi, %edi
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r11d, %r11d
.endm

/*
 * Nor in vector registers, nor in those of the x87 unit and its pointers to the last instruction and operand. Loads the default x87
 * control word.
 */
.macro	scrub_vector
	vzeroall
	fninit
	.rept	8
	fldz
	.endr
	fninit
.endm

/*
 * The control words of MXCSR and of the x87 unit: the caller's go to 16 bytes of the stack, the ABI's, which stand at an offset
 * in the domain's slot, are loaded; the x87 stack is empty. Clobbers `register`. And back.
 */
.macro	save_control_words offset, register, start
	sub	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	lea_domain \offset, \register, \start
	ldmxcsr	(\register)
	fldcw	4(\register)
	emms
.endm

.macro	restore_control_words
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	add	$16, %rsp
.endm

/* DF, AC, TF and the other flags as the ABI has them at a call. Uses the stack. */
.macro	clean_flags
	pushq	$2
	popfq
.endm

#endif
#endif
