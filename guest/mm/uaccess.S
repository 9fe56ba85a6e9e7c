/*
 * Accesses to user memory. Each instruction that may fault has a row in .extable: where it is, and where the kernel
 * continues instead. The C functions in uaccess.c have checked the range.
 *
 * Calling convention of C; result in RAX: 0, or the number given by FAULTED. SMAP is open only in here.
 */
#define FAULTED 1

	.macro	FIXUP at, to
	.pushsection .extable, "a"
	.balign	8
	.quad	\at, \to
	.popsection
	.endm

	.text

/* uint64_t user_copy(void *to, const void *from, size_t size): one of the two is user memory. */
	.globl	user_copy
user_copy:
	stac
	movq	%rdx, %rcx
	shrq	$3, %rcx
1:	rep movsq                               # eight bytes a step
	movl	%edx, %ecx
	andl	$7, %ecx
2:	rep movsb                               # the rest
	clac
	xorl	%eax, %eax
	ret
	FIXUP	1b, user_faulted
	FIXUP	2b, user_faulted

/* uint64_t user_clear(void *to, size_t size) */
	.globl	user_clear
user_clear:
	stac
	xorl	%eax, %eax
	movq	%rsi, %rcx
	shrq	$3, %rcx
1:	rep stosq
	movl	%esi, %ecx
	andl	$7, %ecx
2:	rep stosb
	clac
	ret
	FIXUP	1b, user_faulted
	FIXUP	2b, user_faulted

/*
 * long user_copy_string(char *to, const char *from, size_t size): copies up to `size` bytes, stopping after a NUL. The number
 * of bytes before the NUL, `size` if there was none, -FAULTED.
 */
	.globl	user_copy_string
user_copy_string:
	stac
	xorl	%eax, %eax
1:	cmpq	%rdx, %rax
	je	3f
2:	movb	(%rsi,%rax), %cl
	movb	%cl, (%rdi,%rax)
	testb	%cl, %cl
	jz	3f
	incq	%rax
	jmp	1b
3:	clac
	ret
	FIXUP	2b, user_string_faulted

/* uint64_t user_cmpxchg_u32(uint32_t *address, uint32_t *old, uint32_t wanted, uint32_t replacement) */
	.globl	user_cmpxchg_u32
user_cmpxchg_u32:
	stac
	movl	%edx, %eax
1:	lock cmpxchgl %ecx, (%rdi)
	clac
	movl	%eax, (%rsi)                    # what was there
	xorl	%eax, %eax
	ret
	FIXUP	1b, user_faulted

user_faulted:
	clac
	movl	$FAULTED, %eax
	ret

user_string_faulted:
	clac
	movq	$-FAULTED, %rax
	ret

	.section .note.GNU-stack, "", @progbits
