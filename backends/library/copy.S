/*
 * The copies between application and domain: the only instructions of an image at which a page fault on application
 * memory is an error of the caller. The kernel knows the range through the image's descriptor and continues at
 * portcullis_copy_fixup with all other registers as they were; nothing here uses the stack.
 */
#define EFAULT 14

	.text

/* long portcullis_copy(void *to, const void *from, size_t size): 0 or -EFAULT. */
	.globl	portcullis_copy
	.hidden	portcullis_copy
	.type	portcullis_copy, @function
portcullis_copy:
	mov	%rdx, %rcx
	shr	$3, %rcx	# words
	and	$7, %edx	# bytes that remain
	.globl	portcullis_copy_start
	.hidden	portcullis_copy_start
portcullis_copy_start:
	rep	movsq
	mov	%edx, %ecx
	rep	movsb
	xor	%eax, %eax
	ret
	.size	portcullis_copy, . - portcullis_copy

/* long portcullis_copy_string(char *to, const char *from, size_t size): its length; size if no NUL was found; -EFAULT. */
	.globl	portcullis_copy_string
	.hidden	portcullis_copy_string
	.type	portcullis_copy_string, @function
portcullis_copy_string:
	xor	%eax, %eax	# characters so far
1:	cmp	%rdx, %rax
	je	2f		# no room for another
	movzbl	(%rsi,%rax), %ecx
	mov	%cl, (%rdi,%rax)
	test	%ecx, %ecx
	je	2f		# the NUL is copied too
	inc	%rax
	jmp	1b
2:	ret
	.globl	portcullis_copy_end
	.hidden	portcullis_copy_end
portcullis_copy_end:
	.size	portcullis_copy_string, . - portcullis_copy_string

	.globl	portcullis_copy_fixup
	.hidden	portcullis_copy_fixup
portcullis_copy_fixup:
	mov	$-EFAULT, %rax
	ret
	.section .note.GNU-stack, "", @progbits
