/*
 * long portcullis_system_call(long number, long a, long b, long c, long d, long e, long f)
 *
 * From the C calling convention to the kernel's (System V ABI, AMD64 supplement, A.2.1). Clobbers RCX and R11 beyond
 * what a C function may clobber anyway.
 */
	.text
	.globl	portcullis_system_call
	.type	portcullis_system_call, @function
portcullis_system_call:
	mov	%rdi, %rax	# number
	mov	%rsi, %rdi	# a
	mov	%rdx, %rsi	# b
	mov	%rcx, %rdx	# c
	mov	%r8, %r10	# d
	mov	%r9, %r8	# e
	mov	8(%rsp), %r9	# f: the seventh argument is on the stack
	syscall
	ret
	.size	portcullis_system_call, . - portcullis_system_call
	.section .note.GNU-stack, "", @progbits
