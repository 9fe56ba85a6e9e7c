/*
 * The gate of backend `syscall`: a system call switches to the domain's page tables, another one back.
 *
 * `syscall_gate` is copied into gate pages that the application's page tables hold, `syscall_inner` into a page that only the
 * domain's hold. The entry below is the target of SYSCALL while such a thread runs; it checks the number that the application made.
 *
 * The variant `kpti` adds what page-table isolation costs on a CPU with Meltdown: the kernel would have page tables of its own, so that
 * each of the two system calls loads CR3 twice.
 */
#include "domain/gate.h"
#include "domain/gate_stack.h"
#include "gate.h"
#include "syscall/gate_values.h"
#include "x86/cpu_asm.h"
#include "x86/percpu.h"

	.section .rodata.syscall_gate, "a"
	.balign	16
	.globl	syscall_gate, syscall_gate_end
syscall_gate:                                   # EAX: the index
	mov	%rcx, %r10                      # argument 4: SYSCALL takes RCX
	add	$PLACEHOLDER_NUMBER, %eax
	syscall
	ret
syscall_gate_end:

/* In the library's rights: RAX is the function, R10 argument 4. */
.macro	inner name, scrub
	.globl	\name, \name\()_end
\name:
	.if	\scrub
	sub	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	$0x1f80, 8(%rsp)                # MXCSR and x87 control word at a function's entry (System V ABI)
	movw	$0x37f, 12(%rsp)
	ldmxcsr	8(%rsp)
	fldcw	12(%rsp)
	emms                                    # the x87 stack is empty
	.endif
	mov	%r10, %rcx
	call	*%rax
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	scrub_general
	xor	%r10d, %r10d
	.endif
	mov	%rax, %rdx                      # the result
	mov	$GATE_LEAVE, %eax
	syscall
	ud2                                     # left a domain that was not entered: the call fails and comes back
\name\()_end:
.endm

	inner	syscall_inner_plain, 0
	inner	syscall_inner_general, 1
	inner	syscall_inner_vector, 2

	.text
.macro	entry name, kpti
	.balign	16
	.globl	\name
\name:
	swapgs
	cmp	$GATE_CALL, %eax
	jb	syscall_entry_swapped
	mov	%rsp, %gs:CPU_USER_STACK
	mov	%gs:CPU_GATE_FRAMES, %rsp
	cmp	$GATE_LEAVE, %eax
	je	1f
	cmp	%gs:CPU_GATE_LIMIT, %rsp
	jb	syscall_refuse                  # too deep
	push	%rcx                            # RIP
	push	%r11                            # RFLAGS
	pushq	%gs:CPU_USER_STACK
	mov	%eax, %ecx
	shr	$GATE_SLOT_SHIFT, %ecx
	and	$GATE_SLOT_MASK, %ecx
	shl	$GATE_SHIFT, %ecx
	add	%gs:CPU_GATE_TABLE, %rcx        # RCX: struct gate
	movzwl	%ax, %eax
	cmp	GATE_COUNT(%rcx), %rax
	jae	syscall_refuse_pushed
	mov	%gs:CPU_GATE_CURRENT, %r11
	push	%r11
	cmpq	$0, GATE_DOMAIN(%r11)
	jne	4f
	pushq	$0                              # called by the application
2:	.if	\kpti
	mov	GATE_CR3(%rcx), %r11            # in place of the kernel's own tables
	mov	%r11, %cr3
	.endif
	mov	%rsp, %gs:CPU_GATE_FRAMES
	mov	%rcx, %gs:CPU_GATE_CURRENT
	mov	GATE_FUNCTIONS(%rcx), %r11
	mov	(%r11,%rax,8), %rax
	mov	GATE_CR3(%rcx), %r11
	mov	%r11, %cr3
	mov	GATE_STACK(%rcx), %rsp
	add	%gs:CPU_GATE_STACK, %rsp
	mov	(%rsp), %rsp                    # top of the protected stack
	mov	GATE_ENTRY(%rcx), %rcx
	mov	$0x202, %r11d                   # RFLAGS: IF
	swapgs
	sysretq

1:	mov	%gs:CPU_GATE_CURRENT, %rax      # leaves the library
	cmpq	$0, GATE_DOMAIN(%rax)
	je	syscall_refuse                  # there is none to leave
	.if	\kpti
	mov	GATE_CR3(%rax), %rax
	mov	%rax, %cr3
	.endif
	pop	%rax
	pop	%rcx
	test	%rax, %rax
	jnz	5f
3:	mov	%rcx, %gs:CPU_GATE_CURRENT
	mov	GATE_CR3(%rcx), %rcx
	mov	%rcx, %cr3
	mov	%rdx, %rax
	pop	%rdx                            # RSP of the caller
	pop	%r11
	pop	%rcx
	mov	%rsp, %gs:CPU_GATE_FRAMES
	mov	%rdx, %rsp
	swapgs
	sysretq

4:	lower_stack_top                         # called by a library
	jmp	2b
5:	raise_stack_top %rcx, %rax
	jmp	3b
.endm

	entry	syscall_gate_entry, 0
	entry	syscall_gate_entry_kpti, 1

/* A number that names no entry point is a system call that does not exist. */
syscall_refuse_pushed:
	mov	16(%rsp), %rcx
	mov	8(%rsp), %r11
syscall_refuse:
	mov	%gs:CPU_USER_STACK, %rsp
	mov	$-1, %eax
	jmp	syscall_entry_swapped
