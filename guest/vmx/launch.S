/*
 * Into VMX non-root mode, and back at each exit.
 *
 * An exit arrives on the monitor's stack, below the five words that a return without VMX needs (struct monitor_frame in
 * monitor.h). All registers but RSP are still the guest's; the monitor is built without vector instructions.
 */
#include "vmx/vmcs.h"

	.text
/* bool vmx_launch(void): true in non-root mode; false: VMLAUNCH failed. Registers and stack are the caller's in both. */
	.globl	vmx_launch
vmx_launch:
	mov	$VMCS_GUEST_RSP, %eax
	vmwrite	%rsp, %rax
	mov	$VMCS_GUEST_RIP, %eax
	lea	1f(%rip), %rcx
	vmwrite	%rcx, %rax
	vmlaunch
	xor	%eax, %eax
	ret
1:	mov	$1, %eax
	ret

	.globl	vmx_exit_entry
vmx_exit_entry:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	xor	%ebp, %ebp                      # ends the backtrace
	call	vmx_handle_exit
	test	%al, %al
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	jz	1f
	vmresume
	call	vmx_resume_failed
1:	iretq                                   # VMX operation has ended
