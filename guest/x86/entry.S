/*
 * Entries into the kernel and the ways back.
 *
 * A trap starts on the CPU's small entry stack (IST 1), whatever ran before: a protected library of the `kernel`
 * backend runs in ring 0 on a stack with a red zone, and no interrupt may write there. trap_common then builds
 * `struct regs` on the thread's kernel stack (when user code or a ring-0 library was interrupted) or below the interrupted
 * kernel stack pointer.
 */
#include "x86/percpu.h"
#include "x86/cpu_asm.h"

	.text

/* ---- traps ------------------------------------------------------------------------------------------------ */

	.balign	16
	.globl	trap_stubs
trap_stubs:
	.set	vector, 0
	.rept	256
	.balign	16
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	push	$0                              # no error code from the CPU
	.endif
	push	$vector
	jmp	trap_common
	.set	vector, vector + 1
	.endr

/* Offsets from RSP after the three pushes of trap_common. */
#define ENTRY_RDX    0
#define ENTRY_RCX    8
#define ENTRY_RAX    16
#define ENTRY_VECTOR 24
#define ENTRY_ERROR  32
#define ENTRY_RIP    40
#define ENTRY_CS     48
#define ENTRY_RFLAGS 56
#define ENTRY_RSP    64
#define ENTRY_SS     72

	.balign	16
4:	mov	$MSR_GS_BASE, %ecx              # ring 0: a library runs with the user's GS base, the kernel with its own
	rdmsr
	test	%edx, %edx
	js	1f
	orl	$CS_USER_GS, ENTRY_CS(%rsp)
	jmp	3f
trap_common:
	push	%rax
	push	%rcx
	push	%rdx
	testb	$3, ENTRY_CS(%rsp)
	jz	4b
3:	swapgs
	mov	%gs:CPU_KERNEL_STACK, %rax
	jmp	2f
1:	mov	ENTRY_RSP(%rsp), %rax
	and	$-16, %rax
2:	sub	$REGS_SIZE, %rax                # RAX: struct regs
	mov	ENTRY_SS(%rsp), %rcx
	mov	ENTRY_RSP(%rsp), %rdx
	mov	%rcx, REGS_SS(%rax)
	mov	%rdx, REGS_RSP(%rax)
	mov	ENTRY_RFLAGS(%rsp), %rcx
	mov	ENTRY_CS(%rsp), %rdx
	mov	%rcx, REGS_RFLAGS(%rax)
	mov	%rdx, REGS_CS(%rax)
	mov	ENTRY_RIP(%rsp), %rcx
	mov	ENTRY_ERROR(%rsp), %rdx
	mov	%rcx, REGS_RIP(%rax)
	mov	%rdx, REGS_ERROR(%rax)
	mov	ENTRY_VECTOR(%rsp), %rcx
	mov	ENTRY_RAX(%rsp), %rdx
	mov	%rcx, REGS_VECTOR(%rax)
	mov	%rdx, REGS_RAX(%rax)
	pop	%rdx
	pop	%rcx
	mov	%rax, %rsp                      # off the entry stack
	mov	%rdi, REGS_RDI(%rsp)
	mov	%rsi, REGS_RSI(%rsp)
	mov	%rdx, REGS_RDX(%rsp)
	mov	%rcx, REGS_RCX(%rsp)
	mov	%r8, REGS_R8(%rsp)
	mov	%r9, REGS_R9(%rsp)
	mov	%r10, REGS_R10(%rsp)
	mov	%r11, REGS_R11(%rsp)
	mov	%rbx, REGS_RBX(%rsp)
	mov	%rbp, REGS_RBP(%rsp)
	mov	%r12, REGS_R12(%rsp)
	mov	%r13, REGS_R13(%rsp)
	mov	%r14, REGS_R14(%rsp)
	mov	%r15, REGS_R15(%rsp)
	cld
	mov	%rsp, %rdi
	mov	%rsp, %rbp                      # ends at the interrupted frame: see panic_at()
	call	trap_dispatch
	mov	%rbp, %rdi

/* RDI: struct regs. Leaves the kernel by IRETQ. */
restore:
	mov	%rdi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	add	$16, %rsp                       # vector, error
	testl	$CS_USER_GS | 3, 8(%rsp)
	jz	1f
	swapgs
1:	iretq

	.globl	return_to_user
return_to_user:
	jmp	restore

/* ---- system calls ----------------------------------------------------------------------------------------- */

	.balign	16
	.globl	syscall_entry
syscall_entry:
	swapgs
	.globl	syscall_entry_swapped
syscall_entry_swapped:                          # backends with an entry of their own come here
	mov	%rsp, %gs:CPU_USER_STACK
	mov	%gs:CPU_KERNEL_STACK, %rsp
	pushq	$SELECTOR_USER_DATA             # SS
	pushq	%gs:CPU_USER_STACK              # RSP
	push	%r11                            # RFLAGS
	pushq	$SELECTOR_USER_CODE             # CS
	push	%rcx                            # RIP
	push	%rax                            # error: the number
	pushq	$VECTOR_SYSCALL
	.globl	syscall_entry_pushed
syscall_entry_pushed:
	push	%rdi
	push	%rsi
	push	%rdx
	push	%rcx
	push	%rax
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	xor	%ebp, %ebp                      # ends the backtrace
	call	syscall_dispatch
	mov	%rsp, %rdi
	cmpl	$VECTOR_SYSCALL, REGS_VECTOR(%rsp)
	jne	restore                         # signal frame, exec, sigreturn: all registers count
	mov	REGS_RBP(%rsp), %rbp            # RBX and R12 to R15 are as C code found them
	mov	REGS_RAX(%rsp), %rax
	mov	REGS_RDI(%rsp), %rdi
	mov	REGS_RSI(%rsp), %rsi
	mov	REGS_RDX(%rsp), %rdx
	mov	REGS_R10(%rsp), %r10
	mov	REGS_R8(%rsp), %r8
	mov	REGS_R9(%rsp), %r9
	mov	REGS_RIP(%rsp), %rcx            # below 2^47: user_limit keeps it so
	mov	REGS_RFLAGS(%rsp), %r11
	mov	REGS_RSP(%rsp), %rsp
	swapgs
	sysretq

/* ---- switching -------------------------------------------------------------------------------------------- */

	.globl	switch_stacks
switch_stacks:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

	.globl	upcall_enter
upcall_enter:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rsi)
	mov	%rsp, %rax
	and	$-16, %rax
	mov	%rax, (%rdx)
	mov	%rax, %gs:CPU_KERNEL_STACK
	jmp	restore

	.globl	upcall_leave
upcall_leave:
	mov	%rdi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret

	.globl	thread_start
thread_start:
	call	thread_started
	mov	%rsp, %rdi                      # struct regs lies right above
	jmp	restore

	.globl	kernel_thread_start
kernel_thread_start:
	call	*%rbx
	ud2                                     # kernel threads never return
