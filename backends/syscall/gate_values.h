/* Values that gate.S and kernel.c of backend `syscall` share. */
#ifndef SYSCALL_GATE_VALUES_H
#define SYSCALL_GATE_VALUES_H

/* Replaced in the copy of the gate: the number of entry point 0. */
#define PLACEHOLDER_NUMBER 0x50434c05

/* Number of the call that leaves a library; above all that name entry points. */
#define GATE_LEAVE 0x7fffffff

#endif
