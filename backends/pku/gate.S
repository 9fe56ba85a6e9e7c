/*
 * The gate of backend `pku`: WRPKRU raises the rights to application plus library, and drops them again.
 *
 * Reached from a thunk with the entry's index in EAX. An attacker may jump to any instruction with any registers. The two WRPKRU
 * are followed by a compare with the one value that is right; all that decides what happens next is checked behind it,
 * in the library's rights. Until the stack is the library's, the gate touches no memory but the thread page, which
 * cannot be forged (no user segment base but 0 can be loaded, and nothing is mapped there): a stack pointer of the
 * attacker's choice would be read with the library's rights. That is why the index waits in XMM15, a scratch register,
 * while RAX, RCX and RDX serve WRPKRU.
 *
 * The direction flag is cleared at every scrub level, because string instructions of the library would write in front of
 * their targets. AC has no effect (CR0.AM is 0), and TF ends the process at the first instruction after WRPKRU.
 *
 * The kernel replaces three placeholders when it copies the gate: see kernel.c.
 */
#include "gate.h"
#include "pku/gate_values.h"

	.section .rodata.pku_gate, "a"

.macro	gate name, scrub
	.balign	16
	.globl	\name, \name\()_exit, \name\()_end
\name:
	movd	%eax, %xmm15                    # the index
	mov	%rcx, %r10                      # arguments 3 and 4: WRPKRU needs ECX and EDX
	mov	%rdx, %r11
	xor	%ecx, %ecx
	xor	%edx, %edx
	mov	$PLACEHOLDER_PKRU, %eax
	wrpkru                                  # rights up
	cmp	$PLACEHOLDER_PKRU, %eax
	jne	9f
	movd	%xmm15, %eax                    # the index, whatever it is now
	cmp	$PLACEHOLDER_COUNT, %eax
	jae	9f
	mov	%gs:PLACEHOLDER_STACK, %rcx     # top of this thread's protected stack
	mov	%rsp, -16(%rcx)                 # the application's
	lea	-16(%rcx), %rsp
	.if	\scrub
	save_control_words GATE_CONTROL_WORDS, %rcx, \name
	clean_flags
	.else
	cld
	.endif
	mov	%r11, %rdx
	mov	%r10, %rcx
	lea_domain GATE_ENTRIES, %r10, \name
	call	*(%r10,%rax,8)
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	restore_control_words
	.endif
	mov	(%rsp), %rsp
	mov	%rax, %r10
	xor	%ecx, %ecx
	xor	%edx, %edx
	.if	\scrub
	scrub_general
	.endif
	mov	$PKRU_APPLICATION, %eax
	wrpkru                                  # rights down
	cmp	$PKRU_APPLICATION, %eax
	jne	9f
	mov	%r10, %rax
\name\()_exit:
	ret
9:	ud2                                     # not by the gate's own path: the kernel ends the process
\name\()_end:
.endm

/*
 * From library to library, in the caller's gate area; the thunk leaves the index in EAX.
 *
 * The word below the top of each protected stack is the stack's record: RSP of the library while it calls another one, else 0. On the
 * way back it proves that the caller is waiting for this return: a jump to the second WRPKRU meets a record of 0. The
 * application can jump to the first one, too, so that the index is checked behind it.
 */
.macro	nested_gate name, scrub
	.balign	16
	.globl	\name, \name\()_exit, \name\()_end
\name:
	movd	%eax, %xmm15                    # the index
	mov	%rcx, %r10
	mov	%rdx, %r11
	xor	%ecx, %ecx
	rdpkru                                  # EDX becomes 0
	cmp	$PLACEHOLDER_CALLER_PKRU, %eax  # from the caller alone
	jne	9f
	mov	%gs:PLACEHOLDER_CALLER_STACK, %rcx
	pushq	-8(%rcx)                        # the record of an outer call by the same library
	mov	%rsp, -8(%rcx)
	xor	%ecx, %ecx
	mov	$PLACEHOLDER_PKRU, %eax
	wrpkru                                  # the callee's rights in place of the caller's
	cmp	$PLACEHOLDER_PKRU, %eax
	jne	9f
	movd	%xmm15, %eax                    # the index, whatever it is now
	cmp	$PLACEHOLDER_COUNT, %eax
	jae	9f
	mov	%gs:PLACEHOLDER_STACK, %rcx
	mov	-8(%rcx), %rdx                  # the callee itself may be waiting further out
	test	%rdx, %rdx
	cmovz	%rcx, %rdx
	lea	-16(%rdx), %rsp
	and	$-16, %rsp
	lea	\name\()_exit(%rip), %rdx
	mov	%rdx, (%rsp)                    # for the kernel: where this entrance ends
	cld                                     # an application may have jumped to the WRPKRU
	mov	%r11, %rdx
	mov	%r10, %rcx
	movabs	$PLACEHOLDER_ENTRIES, %r10
	call	*(%r10,%rax,8)
	mov	%rax, %r10
	xor	%ecx, %ecx
	xor	%edx, %edx
	.if	\scrub
	scrub_general
	.endif
	.if	\scrub == 2
	scrub_vector
	.endif
	mov	$PLACEHOLDER_CALLER_PKRU, %eax
	wrpkru                                  # back to the caller's
	cmp	$PLACEHOLDER_CALLER_PKRU, %eax
	jne	9f
	mov	%gs:PLACEHOLDER_CALLER_STACK, %rcx
	cmpq	$0, -8(%rcx)
	je	9f                              # the caller does not wait
	mov	-8(%rcx), %rsp
	popq	-8(%rcx)
	xor	%ecx, %ecx
	mov	%r10, %rax
\name\()_exit:
	ret
9:	ud2
\name\()_end:
.endm

	gate	pku_gate_plain, 0
	gate	pku_gate_general, 1
	gate	pku_gate_vector, 2
	nested_gate pku_nested_plain, 0
	nested_gate pku_nested_general, 1
	nested_gate pku_nested_vector, 2
