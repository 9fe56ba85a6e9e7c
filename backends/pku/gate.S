/*
 * The gate of backend `pku`: WRPKRU raises the rights to application plus library, and drops them again.
 *
 * Reached from a thunk that pushed the entry's index on the application's stack: RSP -> index, return address. An attacker may
 * jump to any instruction with any registers. The two WRPKRU are followed by a compare with the one value that is right, and a
 * jump past it meets a thread page that cannot be forged (no user segment base but 0 can be loaded, and nothing is
 * mapped there). The kernel replaces three placeholders when it copies the gate: see kernel.c.
 */
#include "gate.h"
#include "pku/gate_values.h"

	.section .rodata.pku_gate, "a"

.macro	gate name, scrub
	.balign	16
	.globl	\name, \name\()_exit, \name\()_end
\name:
	mov	%rcx, %r10                      # arguments 3 and 4: WRPKRU needs ECX and EDX
	mov	%rdx, %r11
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$PLACEHOLDER_PKRU, %eax
	wrpkru                                  # rights up
	cmp	$PLACEHOLDER_PKRU, %eax
	jne	9f
	pop	%rax                            # the index, whatever it is now
	cmp	$PLACEHOLDER_COUNT, %rax
	jae	9f
	mov	%gs:PLACEHOLDER_STACK, %rcx     # top of this thread's protected stack
	mov	%rsp, -16(%rcx)                 # the application's
	lea	-16(%rcx), %rsp
	.if	\scrub
	sub	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	lea_domain GATE_CONTROL_WORDS, %rcx, \name
	ldmxcsr	(%rcx)
	fldcw	4(%rcx)
	clean_flags
	.endif
	mov	%r11, %rdx
	mov	%r10, %rcx
	lea_domain GATE_ENTRIES, %r10, \name
	call	*(%r10,%rax,8)
	.if	\scrub
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	add	$16, %rsp
	.endif
	mov	(%rsp), %rsp
	mov	%rax, %r10
	xor	%ecx, %ecx
	xor	%edx, %edx
	.if	\scrub
	scrub_general
	.endif
	.if	\scrub == 2
	scrub_vector
	.endif
	mov	$PKRU_APPLICATION, %eax
	wrpkru                                  # rights down
	cmp	$PKRU_APPLICATION, %eax
	jne	9f
	mov	%r10, %rax
\name\()_exit:
	ret
9:	ud2                                     # not by the gate's own path: the kernel ends the process
\name\()_end:
.endm

	gate	pku_gate_plain, 0
	gate	pku_gate_general, 1
	gate	pku_gate_vector, 2
