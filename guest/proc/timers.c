#include "proc/timers.h"

#include "proc/sched.h"

static struct list timers = LIST_INIT(timers); /* by deadline */

void timers_add(struct timer *timer, uint64_t deadline, void (*fire)(struct timer *timer))
{
	struct list *place = timers.prev;

	while (place != &timers && list_entry(place, struct timer, link)->deadline > deadline)
		place = place->prev;
	timer->deadline = deadline;
	timer->fire = fire;
	list_add(place, &timer->link);
	sched_rearm();
}

void timers_remove(struct timer *timer)
{
	list_remove(&timer->link);
}

uint64_t timers_first(void)
{
	return list_empty(&timers) ? NO_DEADLINE : list_entry(timers.next, struct timer, link)->deadline;
}

void timers_run(uint64_t now)
{
	while (timers_first() <= now) {
		struct timer *timer = list_entry(timers.next, struct timer, link);

		list_remove(&timer->link);
		timer->fire(timer);
	}
}
