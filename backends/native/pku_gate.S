/*
 * The gate of backend `pku` on Linux. FS and GS belong to the program, so that no register leads to the thread's
 * protected stack: it takes a free one (pku.h), first the one that its own stack pointer selects.
 *
 * Reached from a thunk with the entry's index in EAX. An attacker may jump to any instruction with any registers, and
 * any signal may come between any two. What is decided is decided in the library's rights; the stack pointer, wherever it
 * points, is not used before it is the library's; and the swap of the stack pointers is one instruction, so that a stack is
 * never lost between taking it and being on it.
 *
 * Until the swap the index waits in XMM15 and argument 4 in XMM14, scratch registers, while RAX, RCX and RDX serve WRPKRU. A
 * signal in the program's rights that comes between `raise` and `inside` goes back to `raise`, one between `leave` and `tail`
 * to `drop`; if RSP is a landing, RCX has the program's (pku_leave_gate()).
 *
 * The twin of a gate is the same code; at the end it has the monitor deliver the signals that were held.
 */
#include "gate.h"
#include "native/monitor.h"
#include "native/native_calls.h"
#include "native/pku.h"

	.section .rodata.native_pku_gate, "a"

/* What must not happen has happened; the kernel writes no signal frame with rights. */
.macro	drop_rights
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$NATIVE_PKRU, %eax
	wrpkru
.endm

.macro	body name, at, scrub, release
	movd	%eax, %xmm15                    # the index
	movq	%rcx, %xmm14                    # arguments 4 and 3: WRPKRU needs ECX and EDX
	mov	%rdx, %r11
\name\()_raise\release:
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$PKU_PLACEHOLDER_RIGHTS, %eax
	wrpkru                                  # rights up
	cmp	$PKU_PLACEHOLDER_RIGHTS, %eax
\name\()_check_rights\release:
	jne	9f
	movd	%xmm15, %eax                    # the index, whatever it is now
	cmp	$PKU_PLACEHOLDER_COUNT, %eax
\name\()_check_index\release:
	jae	9f
	mov	%rsp, %rcx                      # the program's
	lea	(\name + PKU_CELLS)(%rip), %r10
\name\()_cells\release:
	rorx	$14, %rcx, %rdx                 # stacks of threads differ from here on
	and	$PKU_PLACEHOLDER_SLOTS, %edx
	lea	(%r10,%rdx,8), %rdx
1:	mov	PKU_LANDINGS(%rdx), %rsp
	xchg	%rsp, (%rdx)                    # free: the stack's top comes, the landing stays
\name\()_taken\release:
	cmp	%rsp, PKU_TOPS(%rdx)
	jne	8f
	push	%rcx
	push	%rdx
\name\()_inside\release:
	.if	\scrub
	save_control_words PKU_CONTROL_WORDS, %rcx, \name
	clean_flags
	.else
	cld
	.endif
	mov	%r11, %rdx
	movq	%xmm14, %rcx
	call	*(PKU_ENTRIES - PKU_CELLS)(%r10,%rax,8)
\name\()_call\release:
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	restore_control_words
	scrub_general
	.endif
	pop	%rdx
	pop	%rcx
	mov	%rax, %r10
	xchg	%rsp, (%rdx)                    # the stack is free; RSP a landing
\name\()_leave\release:
	mov	%rcx, %rsp
\name\()_drop\release:
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$NATIVE_PKRU, %eax
	wrpkru                                  # rights down
	cmp	$NATIVE_PKRU, %eax
\name\()_check_drop\release:
	jne	9f
\name\()_tail\release:
	.if	\release
	mov	$NATIVE_SYS_RELEASE, %eax
	syscall
	.endif
	mov	%r10, %rax
	ret
\name\()_wait\release:
8:	mov	%rcx, %rsp                      # somebody is on it
	sub	%r10, %rdx
	add	$8, %edx
	and	$PKU_PLACEHOLDER_WRAP, %edx
	add	%r10, %rdx
	pause
	jmp	1b
\name\()_slow\release:
9:	drop_rights                             # not by the gate's own path: the monitor ends the process
	ud2
.endm

.macro	gate name, scrub
	.balign	16
	.globl	\name, \name\()_end, \name\()_raise0, \name\()_taken0, \name\()_inside0, \name\()_call0, \name\()_leave0, \name\()_drop0, \name\()_tail0
	.globl	\name\()_wait0, \name\()_slow0, \name\()_cells0, \name\()_cells1, \name\()_call1
	.globl	\name\()_check_rights0, \name\()_check_rights1, \name\()_check_drop0, \name\()_check_drop1, \name\()_check_index0, \name\()_check_index1
\name:
	body	\name, 0, \scrub, 0
	.org	\name + PKU_TWIN, 0xcc
	body	\name, PKU_TWIN, \scrub, 1
\name\()_end:
.endm

/*
 * From library to library, in the caller's gate pages. The callee has the caller's rights besides its own: what the caller
 * may reach depends on who called it, so that PKRU is computed here. A jump to one of the two WRPKRU is found out by a ticket
 * below the caller's stack pointer: the caller's secret and that stack pointer, written with the caller's rights before
 * WRPKRU, and taken behind it. Below it lies the caller's PKRU. Between `taken` and `pushed`, `freed` and `back`, `wait` and
 * `again` the stack pointer may be another thread's: the caller's is in RCX (pku_divert()).
 */
.macro	nested_gate name, scrub
	.balign	16
	.globl	\name, \name\()_call, \name\()_end, \name\()_taken, \name\()_pushed, \name\()_freed, \name\()_back
	.globl	\name\()_wait, \name\()_again
\name:
	movd	%eax, %xmm15                    # the index
	movq	%rcx, %xmm14                    # arguments 4 and 3
	mov	%rdx, %r11
	xor	%ecx, %ecx
	rdpkru
	mov	%rax, -16(%rsp)                 # the caller's rights
	movabs	$PKU_PLACEHOLDER_SECRET, %rdx
	mov	(%rdx), %rdx
	xor	%rsp, %rdx
	mov	%rdx, -8(%rsp)                  # the ticket
	xor	%edx, %edx
	and	$PKU_PLACEHOLDER_RIGHTS, %eax
	wrpkru                                  # and the callee's
	movabs	$PKU_PLACEHOLDER_SECRET, %rdx
	mov	(%rdx), %rdx
	xor	%rsp, %rdx
	xor	%ecx, %ecx
	xchg	%rcx, -8(%rsp)
	cmp	%rcx, %rdx
	jne	9f                              # a jump to WRPKRU
	mov	-16(%rsp), %ecx
	and	$PKU_PLACEHOLDER_RIGHTS, %ecx
	cmp	%ecx, %eax
	jne	9f
	movd	%xmm15, %eax
	cmp	$PKU_PLACEHOLDER_COUNT, %eax
	jae	9f
	mov	%rsp, %rcx
	movabs	$PKU_PLACEHOLDER_CELLS, %r10    # the callee's
	rorx	$14, %rcx, %rdx
	and	$PKU_PLACEHOLDER_SLOTS, %edx
	lea	(%r10,%rdx,8), %rdx
1:	xchg	%rsp, (%rdx)
\name\()_taken:
	cmp	%rsp, PKU_TOPS(%rdx)
	jne	8f
	push	%rcx
\name\()_pushed:
	push	%rdx
	cld
	mov	%r11, %rdx
	movq	%xmm14, %rcx
	call	*(PKU_ENTRIES - PKU_CELLS)(%r10,%rax,8)
\name\()_call:
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	scrub_general
	.endif
	pop	%rdx
	pop	%rcx
	mov	%rax, %r10
	movabs	$PKU_PLACEHOLDER_SECRET, %rax
	mov	(%rax), %rax
	xor	%rcx, %rax
	not	%rax
	mov	%rax, -8(%rcx)                  # the ticket back
	xchg	%rsp, (%rdx)
\name\()_freed:
	mov	%rcx, %rsp
\name\()_back:
	mov	-16(%rsp), %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	wrpkru                                  # the caller's rights
	movabs	$PKU_PLACEHOLDER_SECRET, %rdx
	mov	(%rdx), %rdx
	xor	%rsp, %rdx
	not	%rdx
	xchg	%rcx, -8(%rsp)
	cmp	%rcx, %rdx
	jne	9f                              # a jump to WRPKRU
	cmp	-16(%rsp), %eax
	jne	9f
	mov	%r10, %rax
	ret
\name\()_wait:
8:	mov	%rcx, %rsp                      # somebody is on it
\name\()_again:
	sub	%r10, %rdx
	add	$8, %edx
	and	$PKU_PLACEHOLDER_WRAP, %edx
	add	%r10, %rdx
	pause
	jmp	1b
9:	drop_rights
	ud2
\name\()_end:
.endm

	gate	native_pku_plain, 0
	gate	native_pku_general, 1
	gate	native_pku_vector, 2
	nested_gate native_pku_nested_plain, 0
	nested_gate native_pku_nested_general, 1
	nested_gate native_pku_nested_vector, 2
	.section .note.GNU-stack, "", @progbits
