/* What this kernel does with keys when it writes a signal frame. */
#ifndef NATIVE_FRAMES_H
#define NATIVE_FRAMES_H

#include <stdbool.h>

/*
 * Does it write a frame where the thread has no rights? Linux does since 6.12 (arch/x86/kernel/signal.c,
 * sig_prepare_pkru()), so that a program can have a frame written into a domain by pointing its stack pointer
 * there. Found by trying, in a child. The CPU has keys, and one is free.
 */
bool frames_ignore_keys(void);

#endif
