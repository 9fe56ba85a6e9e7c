/* Interval timers: ITIMER_REAL (SIGALRM), ITIMER_VIRTUAL and ITIMER_PROF (CPU time). */
#ifndef GUEST_PROC_ITIMER_H
#define GUEST_PROC_ITIMER_H

struct process;

void itimers_init(struct process *process);
void itimers_stop(struct process *process);

#endif
