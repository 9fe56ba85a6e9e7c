/* Values that gate.S and kernel.c of backend `kernel` share. */
#ifndef KERNEL_GATE_VALUES_H
#define KERNEL_GATE_VALUES_H

/* Replaced in the copy of the gate: the number of entry point 0. */
#define PLACEHOLDER_NUMBER 0x50434c04

#endif
