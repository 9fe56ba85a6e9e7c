/*
 * The gate of backend `vmfunc`: VMFUNC leaf 0 switches to the library's EPT view, and back to the application's.
 *
 * Reached from a thunk with the entry's index in EAX. An attacker may jump to any instruction with any registers. Until the
 * stack is the library's, the gate touches no memory but the thread page: a stack pointer of the attacker's choice would be
 * read with the library's rights. The direction flag is cleared at every scrub level.
 * Behind each VMFUNC the view is read from the view itself. A view executes
 * no other gate than its own, so that a VMFUNC to any other view faults at the next instruction.
 */
#include "gate.h"
#include "vmfunc/gate_values.h"

	.section .rodata.vmfunc_gate, "a"

.macro	gate name, scrub
	.balign	16
	.globl	\name, \name\()_exit, \name\()_end
\name:
	mov	%eax, %r11d                     # the index
	mov	%rcx, %r10                      # argument 4: VMFUNC needs ECX
	xor	%eax, %eax
	mov	$PLACEHOLDER_VIEW, %ecx
	vmfunc                                  # to the library's view
	cmpl	$PLACEHOLDER_VIEW, (\name + VIEW_NUMBER_OFFSET)(%rip)
	jne	9f
	cmp	$PLACEHOLDER_COUNT, %r11        # the index, whatever it is now
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
	mov	%r10, %rcx
	lea_domain GATE_ENTRIES, %r10, \name
	call	*(%r10,%r11,8)
	.if	\scrub == 2
	scrub_vector
	.endif
	.if	\scrub
	restore_control_words
	.endif
	mov	(%rsp), %rsp
	mov	%rax, %r10
	.if	\scrub
	xor	%edx, %edx
	scrub_general
	.endif
	xor	%eax, %eax
	xor	%ecx, %ecx
	vmfunc                                  # to the application's
	cmpl	$0, (\name + VIEW_NUMBER_OFFSET)(%rip)
	jne	9f
	mov	%r10, %rax
\name\()_exit:
	ret
9:	ud2                                     # not by the gate's own path: the kernel ends the process
\name\()_end:
.endm

/*
 * From library to library, in the caller's gate area; the thunk leaves the index in EAX. The
 * views of both libraries execute it, and the application's does not have it.
 *
 * The word below the top of each protected stack is the stack's record: RSP of the library while it calls another one, else 0.
 * On the way back it proves that the caller is waiting for this return.
 */
.macro	check_view view
	movabs	PLACEHOLDER_NUMBER, %eax
	cmp	\view, %eax
	jne	9f
.endm

.macro	nested_gate name, scrub
	.balign	16
	.globl	\name, \name\()_exit, \name\()_end
\name:
	movd	%eax, %xmm15                    # the index
	check_view $PLACEHOLDER_CALLER_VIEW     # from the caller alone
	mov	%rcx, %r10
	mov	%gs:PLACEHOLDER_CALLER_STACK, %rcx
	pushq	-8(%rcx)                        # the record of an outer call by the same library
	mov	%rsp, -8(%rcx)
	xor	%eax, %eax
	mov	$PLACEHOLDER_VIEW, %ecx
	vmfunc                                  # the callee's view in place of the caller's
	check_view $PLACEHOLDER_VIEW
	movd	%xmm15, %eax
	cmp	$PLACEHOLDER_COUNT, %eax
	jae	9f
	mov	%gs:PLACEHOLDER_STACK, %rcx
	mov	-8(%rcx), %r11                  # the callee itself may be waiting further out
	test	%r11, %r11
	cmovz	%rcx, %r11
	lea	-16(%r11), %rsp
	and	$-16, %rsp
	lea	\name\()_exit(%rip), %r11
	mov	%r11, (%rsp)                    # for the kernel: where this entrance ends
	cld
	mov	%r10, %rcx
	movabs	$PLACEHOLDER_ENTRIES, %r10
	call	*(%r10,%rax,8)
	mov	%rax, %r10
	.if	\scrub
	xor	%edx, %edx
	scrub_general
	.endif
	.if	\scrub == 2
	scrub_vector
	.endif
	xor	%eax, %eax
	mov	$PLACEHOLDER_CALLER_VIEW, %ecx
	vmfunc                                  # back to the caller's
	check_view $PLACEHOLDER_CALLER_VIEW
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

	gate	vmfunc_gate_plain, 0
	gate	vmfunc_gate_general, 1
	gate	vmfunc_gate_vector, 2
	nested_gate vmfunc_nested_plain, 0
	nested_gate vmfunc_nested_general, 1
	nested_gate vmfunc_nested_vector, 2
