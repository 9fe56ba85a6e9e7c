/* Time: the TSC, its frequency, and the clocks derived from it. A "tick" is one TSC count: an instruction on
 * Bochs. */
#ifndef GUEST_PROC_CLOCK_H
#define GUEST_PROC_CLOCK_H

#include "lib/lib.h"
#include "x86/cpu.h"

#define NANOSECONDS 1000000000UL

extern uint64_t tsc_hz;   /* ticks per second of guest time */
extern uint64_t tsc_boot; /* TSC when the kernel started */

uint64_t ticks_to_ns(uint64_t ticks);
uint64_t ns_to_ticks(uint64_t ns); /* saturates */

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* monotonic plus the epoch given by `epoch=` of the command line (seconds;
                                     default 2000-01-01) */

/*
 * TSC deadlines from a user's struct timespec: from now on, or absolute on CLOCK_REALTIME or CLOCK_MONOTONIC.
 * 0, -EFAULT or -EINVAL.
 */
long timespec_deadline(uint64_t address, uint64_t *deadline);
long timespec_absolute_deadline(uint64_t address, bool realtime, uint64_t *deadline);

#endif
