/*
 * The gate of backend `kernel`: a system call runs the library in ring 0, on the thread's protected stack.
 *
 * The part that is copied into the domain runs in the application: its thunk has left the index in EAX. The number that
 * it makes is checked by kernel_gate_entry, the target of SYSCALL while such a thread runs.
 */
#include "gate.h"
#include "domain/gate.h"
#include "domain/gate_stack.h"
#include "kernel/gate_values.h"
#include "mm/layout.h"
#include "x86/cpu_asm.h"
#include "x86/percpu.h"

	.section .rodata.kernel_gate, "a"
	.balign	16
	.globl	kernel_gate, kernel_gate_end
kernel_gate:
	mov	%rcx, %r10                      # argument 4: SYSCALL takes RCX
	add	$PLACEHOLDER_NUMBER, %eax
	syscall
	ret
kernel_gate_end:

	.text
.macro	entry name, scrub
	.balign	16
	.globl	\name
\name:
	swapgs
	cmp	$GATE_CALL, %eax
	jb	system_call
	mov	%rsp, %gs:CPU_USER_STACK
	mov	%gs:CPU_GATE_FRAMES, %rsp
	cmp	%gs:CPU_GATE_LIMIT, %rsp
	jb	refuse                          # too deep
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
	jae	refuse_pushed
	mov	%gs:CPU_GATE_CURRENT, %r11
	push	%r11
	cmpq	$0, GATE_DOMAIN(%r11)
	jne	2f
	pushq	$0                              # called by the application
1:	mov	%rsp, %gs:CPU_GATE_FRAMES
	mov	%rcx, %gs:CPU_GATE_CURRENT
	mov	GATE_FUNCTIONS(%rcx), %r11
	mov	GATE_STACK(%rcx), %rsp
	add	%gs:CPU_GATE_STACK, %rsp
	mov	(%rsp), %rsp                    # top of the protected stack
	stac                                    # the library may read the application's memory
	swapgs                                  # and runs with the user's GS base: from here on a page fault is the library's
	.if	\scrub
	sub	$16, %rsp
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	ldmxcsr	control_words(%rip)
	fldcw	control_words+4(%rip)
	emms                                    # the x87 stack is empty
	.endif
	mov	%r10, %rcx
	sti
	call	*(%r11,%rax,8)
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	scrub_general
	xor	%r10d, %r10d
	.endif
	cli
	swapgs
	mov	%gs:CPU_GATE_FRAMES, %rsp
	pop	%rdx
	test	%rdx, %rdx
	jnz	return_to_library
	popq	%gs:CPU_GATE_CURRENT
	pop	%rdx                            # RSP of the application
	pop	%r11
	pop	%rcx
	mov	%rsp, %gs:CPU_GATE_FRAMES
	mov	%rdx, %rsp
	swapgs
	sysretq

2:	lower_stack_top                         # called by a library
	jmp	1b
.endm

	entry	kernel_gate_plain, 0
	entry	kernel_gate_general, 1
	entry	kernel_gate_vector, 2

/*
 * A system call: of the application, or of a library in ring 0, where the way back is IRETQ with its own selectors. What tells them
 * apart is the thread's current gate, not where the call comes from: the application may jump into a gate's page.
 */
system_call:
	mov	%rsp, %gs:CPU_USER_STACK
	mov	%gs:CPU_GATE_CURRENT, %rsp
	cmpq	$0, GATE_DOMAIN(%rsp)
	mov	%gs:CPU_USER_STACK, %rsp
	je	syscall_entry_swapped
	mov	%gs:CPU_KERNEL_STACK, %rsp
	pushq	$SELECTOR_KERNEL_DATA
	pushq	%gs:CPU_USER_STACK
	push	%r11
	pushq	$SELECTOR_KERNEL_CODE | CS_USER_GS
	push	%rcx
	push	%rax
	pushq	$VECTOR_SYSCALL_OF_LIBRARY
	jmp	syscall_entry_pushed

/* RDX: what the top of the caller's stack was. The way back to ring 0. */
return_to_library:
	pop	%rcx
	mov	%rcx, %gs:CPU_GATE_CURRENT
	raise_stack_top %rcx, %rdx
	pop	%rdx                            # RSP of the library
	pop	%r11
	pop	%rcx
	mov	%rsp, %gs:CPU_GATE_FRAMES
	mov	%rdx, %rsp
	swapgs
	push	%r11
	popfq
	jmp	*%rcx

/* A number that names no entry point is a system call that does not exist. */
refuse_pushed:
	mov	16(%rsp), %rcx
	mov	8(%rsp), %r11
	pop	%rsp
	jmp	1f
refuse:
	mov	%gs:CPU_USER_STACK, %rsp
1:	mov	$-1, %eax
	jmp	system_call

	.section .rodata
	.balign	8
control_words:
	.long	0x1f80                          # MXCSR at a function's entry (System V ABI)
	.short	0x37f                           # x87 control word
