/* Values that gate.S and kernel.c of backend `vmfunc` share. */
#ifndef VMFUNC_GATE_VALUES_H
#define VMFUNC_GATE_VALUES_H

/* Replaced in the copy of the gate: 32-bit operands that stand nowhere else in it. */
#define PLACEHOLDER_VIEW         0x50434c11 /* number of the library's view */
#define PLACEHOLDER_COUNT        0x50434c12 /* entry points */
#define PLACEHOLDER_STACK        0x50434c13 /* offset of the domain's stack top in the thread page */
#define PLACEHOLDER_CALLER_VIEW  0x50434c16
#define PLACEHOLDER_CALLER_STACK 0x50434c17
#define PLACEHOLDER_ENTRIES      0x50434c1850434c19 /* address of the callee's entry table */
#define PLACEHOLDER_NUMBER       0x50434c1a50434c1b /* address of the page with the view's number, in the caller's slot */

/* The page that states the current view, in the gate area. */
#define VIEW_NUMBER_OFFSET (PORTCULLIS_GATE_SIZE - 2 * PORTCULLIS_PAGE_SIZE)

/* The control words that a library starts with (System V ABI: MXCSR 1F80H, x87 37FH), behind the entry table. */
#define GATE_CONTROL_WORDS (GATE_ENTRIES + 8 * PORTCULLIS_ENTRIES_MAX)

#endif
