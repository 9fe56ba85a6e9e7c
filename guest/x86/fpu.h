/* x87, SSE and AVX state (SDM vol. 1, chapter 13). The kernel itself uses none: it is saved only at switches.
 */
#ifndef GUEST_X86_FPU_H
#define GUEST_X86_FPU_H

#include "lib/lib.h"

#define XSAVE_LEGACY_SIZE   512
#define XSAVE_MXCSR         24  /* offset of MXCSR in the area */
#define XSAVE_BV            512 /* offset of XSTATE_BV, first word of the header */
#define XSAVE_HEADER_SIZE   64
#define MXCSR_DEFAULT       0x1f80U
#define MXCSR_MASK          0xffffU
#define X87_CONTROL_DEFAULT 0x37f

void *fpu_create(void); /* an area in the initial state; NULL: out of memory */
void fpu_free(void *area);
void fpu_reset(void *area);      /* the initial state again, in the area */
void fpu_save(void *area);       /* registers to area */
void fpu_load(const void *area); /* area to registers */
void fpu_switch(void *save, const void *load);

/* Makes an area that came from a program safe to load: only known components, no reserved bit set. */
void fpu_sanitise(void *area);

#endif
