#include "native/thread.h"

#include <sys/syscall.h>

__attribute__((naked)) long thread_start(long flags, void *top, void (*function)(void *), void *argument)
{
	__asm__("mov %%rdx, %%r9\n\t" /* registers that the kernel keeps */
	        "mov %%rcx, %%r8\n\t"
	        "xor %%edx, %%edx\n\t"
	        "xor %%r10d, %%r10d\n\t"
	        "mov %0, %%eax\n\t"
	        "syscall\n\t"
	        "test %%rax, %%rax\n\t"
	        "jnz 1f\n\t"
	        "xor %%ebp, %%ebp\n\t"
	        "mov %%r8, %%rdi\n\t"
	        "call *%%r9\n\t"
	        "mov %1, %%eax\n\t"
	        "xor %%edi, %%edi\n\t"
	        "syscall\n\t"
	        "1:\tret"
	        :
	        : "i"(SYS_clone), "i"(SYS_exit));
	(void)flags, (void)top, (void)function, (void)argument;
}
