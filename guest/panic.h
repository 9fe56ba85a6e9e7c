/* Ways for the machine to stop. */
#ifndef GUEST_PANIC_H
#define GUEST_PANIC_H

#include "x86/regs.h"

/* Ends the whole run with the plan's exit status. */
_Noreturn void machine_end(unsigned status);

/* panic() for a trap of the kernel itself: the backtrace starts at the interrupted instruction. */
_Noreturn void panic_at(const struct regs *regs, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

#endif
