/*
 * Watchpoints for processes of a run, in the broker: it may open them where perf_event_paranoid forbids it to
 * an ordinary process, and a program cannot close what it does not have.
 */
#ifndef NATIVE_WATCHPOINT_H
#define NATIVE_WATCHPOINT_H

#include <stdint.h>
#include <sys/types.h>

/*
 * An execute breakpoint at `address` in the process's first thread, and in all threads and processes that
 * come from it, until they execute another program: it sends SIGTRAP with si_code TRAP_PERF. 0 or -errno of
 * perf_event_open(2).
 */
long watchpoint_open(pid_t process, uint64_t address);

#endif
