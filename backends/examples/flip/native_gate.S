# Backend `flip` on the native platform: the gate, which each thunk jumps to with the entry's index in EAX and the domain
# in R11. RBX and R13 keep domain and stack of the caller, R12 the stack of the library, then its result.

	.globl flip_native_gate
flip_native_gate:
	push %rbx			# what a function has to keep
	push %r12
	push %r13
	push %rdi			# the arguments
	push %rsi
	push %rdx
	push %rcx
	push %r8
	push %r9			# RSP is aligned to 16 bytes
	mov %r11, %rbx
	mov %r11, %rdi
	mov %eax, %esi
	call flip_native_enter		# RAX: function, RDX: stack
	mov %rdx, %r12
	pop %r9
	pop %r8
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	mov %rsp, %r13
	test %rax, %rax
	jz 1f
	mov %r12, %rsp
	cld
	call *%rax
	mov %r13, %rsp			# aligned as before
	mov %rax, %r12
	mov %rbx, %rdi
	call flip_native_leave
	mov %r12, %rax
0:	pop %r13
	pop %r12
	pop %rbx
	ret
1:	mov $-1, %rax			# PORTCULLIS_FAILED
	jmp 0b

	.section .note.GNU-stack, "", @progbits
