/* What this CPU offers, and the control-register set-up that follows from it. */
#ifndef GUEST_X86_FEATURES_H
#define GUEST_X86_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct features {
	char model[49]; /* CPUID brand string, trimmed */
	bool smep, smap, umip;
	bool pcid, invpcid;
	bool pku;
	bool vmx;
	bool hypervisor; /* below us: this CPU is a virtual machine's */
	bool huge_pages; /* 1 GiB pages */
	bool tsc_deadline;
	bool tsc_invariant;  /* its rate never changes */
	uint32_t xsave_size; /* bytes of the XSAVE area for XCR0 = 7 */
};

extern struct features features;

/*
 * Fills `features` and turns on what the kernel relies on: NX, SSE, XSAVE with XCR0 = x87 | SSE | AVX (PKRU
 * stays out, so that XRSTOR cannot write it), SMEP, SMAP, PKU; FSGSBASE stays off. NULL, or the name of a
 * missing feature that the kernel cannot do without. The option without=NAME[,NAME] hides pku, pcid and vmx;
 * without=bare-metal pretends a hypervisor.
 */
const char *features_init(void);

#endif
