/*
 * Copied into every domain's gate area: where a function that the kernel called returns to, and what the entries of a
 * failed domain lead to.
 */
#include "portcullis/abi.h"

	.section .rodata.return_thunk, "a"
	.globl	return_thunk_start, failed_entry, return_thunk_end
return_thunk_start:
	mov	%rax, %rdi
	mov	$PORTCULLIS_SYS_RETURN, %eax
	syscall
	ud2                                     # not in a call by the kernel
failed_entry:
	mov	$PORTCULLIS_FAILED, %rax
	ret
return_thunk_end:
