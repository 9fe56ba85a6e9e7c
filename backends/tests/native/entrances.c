/*
 * Calls of the library `empty`, each a section of `steps`, by number of arguments. Linked twice: with the
 * library's stubs, and as `entrances_direct` with its objects.
 */
#include <stdio.h>

#include "empty.h"
#include "portcullis/portcullis.h"

#define CALL(function)                                                                                       \
	__asm__ volatile("int3\n\t"                                                                          \
	                 "call " #function "\n\t"                                                            \
	                 "int3"                                                                              \
	                 :                                                                                   \
	                 :                                                                                   \
	                 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc",      \
	                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",   \
	                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

int main(void)
{
	if (portcullis_attach("empty", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "entrances: %s\n", portcullis_error());
		return 1;
	}
	empty_0(); /* the first entrance may do what later ones need not */
	CALL(empty_0);
	CALL(empty_1);
	CALL(empty_2);
	CALL(empty_3);
	CALL(empty_4);
	CALL(empty_5);
	CALL(empty_6);
	return 0;
}
