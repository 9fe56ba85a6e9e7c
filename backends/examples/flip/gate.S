/*
 * The gate of backend `flip`: a system call shows the library's pages to the process, another one hides them again.
 *
 * `flip_gate` is copied into pages that the application always sees, `flip_inner` into a page of the library. `flip_entry` is the
 * target of SYSCALL while a thread of this backend runs; flip_call() in kernel.c does its work.
 */
#include "domain/gate.h"
#include "flip.h"
#include "gate.h"
#include "x86/percpu.h"

	.section .rodata.flip_gate, "a"
	.globl	flip_gate, flip_gate_end
flip_gate:                                      # EAX: the index, as the thunk left it
	mov	%rcx, %r10                      # argument 4: SYSCALL takes RCX
	add	$PLACEHOLDER_NUMBER, %eax
	syscall
	ret
flip_gate_end:

/* In the library's rights: RAX is the function, R10 argument 4. */
	.globl	flip_inner, flip_inner_end
flip_inner:
	mov	%r10, %rcx
	call	*%rax
	scrub_general
	xor	%r10d, %r10d
	mov	%rax, %rdx                      # the result
	mov	$FLIP_LEAVE, %eax
	syscall
	ud2                                     # a library that was not entered cannot be left
flip_inner_end:

	.text
	.balign	16
	.globl	flip_entry
flip_entry:
	swapgs
	cmp	$GATE_CALL, %eax
	jb	syscall_entry_swapped           # an ordinary system call
	mov	%rsp, %gs:CPU_USER_STACK
	mov	%gs:CPU_KERNEL_STACK, %rsp
	pushq	%gs:CPU_USER_STACK              # struct flip_registers, from its end
	push	%r11                            # RFLAGS
	push	%rcx                            # RIP
	push	%rax
	push	%r10
	push	%r9
	push	%r8
	push	%rdx
	push	%rsi
	push	%rdi
	mov	%rsp, %rdi
	call	flip_call                       # which leaves RBX, RBP and R12 to R15 as they are
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%rax
	pop	%rcx
	pop	%r11
	pop	%rsp
	swapgs
	sysretq
