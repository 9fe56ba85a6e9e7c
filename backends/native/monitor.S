/*
 * Where the kernel starts the monitor, and how the monitor leaves. A program may jump to any instruction here with any
 * registers: until the thread is known and SIGNAL_MARK proves that the kernel has delivered a signal, nothing is
 * stored but in the thread's own record, and no stack is used.
 */
#include <sys/syscall.h>

#include "native/monitor.h"

	.text

/* PKRU becomes 0: all rights. Clobbers RAX, RCX, RDX. */
.macro	raise_rights
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%eax, %eax
	wrpkru
	test	%eax, %eax
	jne	9f                              # a jump to it with another value
.endm

/* RSI: the calling thread's record, RDI: its number. Clobbers RAX, RCX, RDX, R11. */
.macro	find_thread
	mov	$SYS_gettid, %eax
	syscall
	mov	%eax, %edx
	mov	%eax, %edi
1:	and	$(MONITOR_THREADS - 1), %edi
	lea	monitor_threads(%rip), %rsi
	mov	%edi, %ecx
	shl	$MONITOR_SHIFT, %ecx
	add	%rcx, %rsi
	cmp	%edx, MONITOR_TID(%rsi)
	je	2f
	xor	%eax, %eax
	lock	cmpxchg %edx, MONITOR_TID(%rsi) # takes a free one
	je	2f
	inc	%edi
	jmp	1b
2:
.endm

/* EDI: the signal, RSP: the kernel's frame. */
	.globl	monitor_entry
monitor_entry:
	cld
	mov	%rsp, %rbx                      # the frame
	mov	%edi, %ebp                      # the signal
	raise_rights
	find_thread
	mov	%rdi, %r12
	mov	%rsi, %r13
	mov	$SYS_rt_sigprocmask, %eax
	xor	%edi, %edi
	xor	%esi, %esi                      # asks only
	lea	MONITOR_MASK(%r13), %rdx
	mov	$8, %r10d
	mov	native_options(%rip), %r9       # the secret
	syscall
	mov	MONITOR_MASK(%r13), %rax
	bt	$63, %rax                       # SIGNAL_MARK
	jnc	8f
	movabs	$MONITOR_STACKS, %rax
	mov	%rbx, %rcx
	sub	%rax, %rcx
	shr	$MONITOR_STACK_SHIFT, %rcx
	cmp	$MONITOR_THREADS, %rcx
	jb	4f
	mov	MONITOR_STACK(%r13), %rsp       # the monitor has called a library
	test	%rsp, %rsp
	jne	3f
	inc	%r12
	shl	$MONITOR_STACK_SHIFT, %r12
	lea	(%rax,%r12), %rsp
3:	and	$-16, %rsp
	mov	%ebp, %edi
	mov	%rbx, %rsi
	mov	%r13, %rdx
	call	monitor_handle
4:	mov	%ebp, %edi                      # a fault of the monitor itself: the frame lies on its stack
	mov	%rbx, %rsi
	and	$-16, %rsp
	call	monitor_fault
	mov	%rbx, %rdi
	jmp	monitor_return
8:	movabs	$MONITOR_STACKS, %rax           # no signal: the thread's stack is not in use
	inc	%r12
	shl	$MONITOR_STACK_SHIFT, %r12
	lea	(%rax,%r12), %rsp
	call	monitor_forged
9:	ud2

/* RDI: a frame in the monitor's memory. */
	.globl	monitor_return
monitor_return:
	lea	8(%rdi), %rsp
	mov	native_options(%rip), %r9
	mov	$SYS_rt_sigreturn, %eax
	syscall
	ud2

/* In the program's rights: the filter sends the call to the monitor. */
	.globl	monitor_restorer
monitor_restorer:
	mov	$SYS_rt_sigreturn, %eax
	syscall
	ud2

/* long monitor_call(function, argument, top, thread): a signal that comes meanwhile starts on this stack. */
	.globl	monitor_call
monitor_call:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rcx, %rbx
	pushq	MONITOR_STACK(%rbx)             # that function may have the monitor call another one
	mov	%rsp, MONITOR_STACK(%rbx)
	mov	%rdx, %rsp
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	.globl	monitor_call_end
monitor_call_end:
	mov	MONITOR_STACK(%rbx), %rsp
	popq	MONITOR_STACK(%rbx)
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
