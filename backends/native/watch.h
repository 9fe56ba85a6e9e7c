/*
 * Watchpoints behind stray instructions: execute breakpoints of perf_event_open(2) that send SIGTRAP to the
 * thread that gets there. They lie behind the instruction, where no flag of the program hides it (RF does at
 * the instruction itself, and IRET sets RF): the rights are looked at when they have changed, and taken back.
 */
#ifndef NATIVE_WATCH_H
#define NATIVE_WATCH_H

#include <stdint.h>

#include "native/monitor.h"
#include "pku/scan.h"

#define WATCHES_MAX 4 /* DR0 to DR3 (SDM vol. 3B, 17.2.1) */

/*
 * Guards an instruction of that kind at `at`, which ends before `behind`, in this thread and in all that come
 * from it. 0 or -errno: -ENOSPC (all are taken, here or by somebody else), -EBUSY (the process has several
 * threads already), -EINVAL and others of perf_event_open(2), -ENOTCONN (the program has closed the way to
 * the broker).
 */
long watch_add(enum stray_kind kind, uint64_t at, uint64_t behind);

/* A watchpoint was met; `rights`: PKRU in the frame. Ends the process if they are more than a program's. */
void watch_hit(struct monitor_frame *frame, uint32_t rights);

#endif
