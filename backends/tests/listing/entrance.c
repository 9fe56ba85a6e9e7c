/* One entrance between two labels, for a debugger: everything that it touches has been touched before. */
#include <stdio.h>

#include "empty.h"
#include "portcullis/portcullis.h"

int main(void)
{
	if (portcullis_attach("empty", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "entrance: %s\n", portcullis_error());
		return 1;
	}
	empty_0();
	empty_0();
	__asm__ volatile(".globl entrance_call, entrance_return\n"
	                 "entrance_call:\n\t"
	                 "call empty_0\n"
	                 "entrance_return:"
	                 :
	                 :
	                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc", "st",
	                   "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "xmm0", "xmm1",
	                   "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
	                   "xmm12", "xmm13", "xmm14", "xmm15");
	return 0;
}
