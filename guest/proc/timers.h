/* Kernel timers: functions called when the TSC reaches a deadline, from the timer interrupt. */
#ifndef GUEST_PROC_TIMERS_H
#define GUEST_PROC_TIMERS_H

#include "lib/lib.h"
#include "lib/list.h"

struct timer {
	struct list link; /* an empty list when the timer is not armed */
	uint64_t deadline;
	void (*fire)(struct timer *timer);
};

void timers_add(struct timer *timer, uint64_t deadline,
                void (*fire)(struct timer *timer)); /* not armed before */
void timers_remove(struct timer *timer);            /* armed or not */
uint64_t timers_first(void);   /* deadline of the earliest timer, NO_DEADLINE when there is none */
void timers_run(uint64_t now); /* fires all that are due */

#endif
