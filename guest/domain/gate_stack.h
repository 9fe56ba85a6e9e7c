/*
 * For gates that pass through the kernel, in assembly: the top of a library's protected stack while it calls another
 * library. The tops lie in the thread page; CPU_GATE_STACK points to them.
 */
#ifndef GUEST_DOMAIN_GATE_STACK_H
#define GUEST_DOMAIN_GATE_STACK_H

#include "domain/gate.h"
#include "x86/percpu.h"

/* R11: the caller's struct gate. Pushes its old top; the new one is the caller's RSP. Changes R11. */
.macro	lower_stack_top
	mov	GATE_STACK(%r11), %r11
	add	%gs:CPU_GATE_STACK, %r11
	pushq	(%r11)
	push	%rcx
	mov	%gs:CPU_USER_STACK, %rcx
	and	$-16, %rcx
	mov	%rcx, (%r11)
	pop	%rcx
.endm

/* `gate`: the caller's struct gate, `top`: what lower_stack_top pushed. Changes R11. */
.macro	raise_stack_top gate, top
	mov	GATE_STACK(\gate), %r11
	add	%gs:CPU_GATE_STACK, %r11
	mov	\top, (%r11)
.endm

#endif
