/* Values that gate.S and kernel.c of backend `pku` share. */
#ifndef PKU_GATE_VALUES_H
#define PKU_GATE_VALUES_H

/* PKRU of the application: domain/switch.h, here for assembly. */
#ifdef __ASSEMBLER__
#define PKRU_APPLICATION 0x55555554
#endif

/* Replaced in the copy of the gate: 32-bit operands that stand nowhere else in it. */
#define PLACEHOLDER_PKRU  0x50434c01 /* rights of application and library */
#define PLACEHOLDER_COUNT 0x50434c02 /* entry points */
#define PLACEHOLDER_STACK 0x50434c03 /* offset of the domain's stack top in the thread page */

/* In a gate from library to library, too. */
#define PLACEHOLDER_CALLER_PKRU  0x50434c06
#define PLACEHOLDER_CALLER_STACK 0x50434c07
#define PLACEHOLDER_ENTRIES      0x50434c0850434c09 /* address of the callee's entry table */

/* The control words that a library starts with (System V ABI: MXCSR 1F80H, x87 37FH), behind the entry table.
 */
#define GATE_CONTROL_WORDS (GATE_ENTRIES + 8 * PORTCULLIS_ENTRIES_MAX)

#endif
