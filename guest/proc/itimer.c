/*
 * A CPU-time timer is a kernel timer too: it looks again when the process, had it run all the time, would
 * have used up what is left.
 */
#include "proc/itimer.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"
#include "proc/usage.h"

#define ITIMER_REAL    0
#define ITIMER_VIRTUAL 1
#define ITIMER_PROF    2
#define ITIMER_COUNT   3

struct timer_value { /* struct itimerval */
	int64_t interval_seconds, interval_microseconds;
	int64_t value_seconds, value_microseconds;
};

static const int timer_signal[ITIMER_COUNT] = {SIGALRM, SIGVTALRM, SIGPROF};

static struct interval_timer *container(struct timer *timer)
{
	return container_of(timer, struct interval_timer, timer);
}

/* The timer's own clock, in ticks. */
static uint64_t now_of(const struct interval_timer *timer)
{
	struct cpu_time time;

	if (timer == &timer->process->timers[ITIMER_REAL])
		return read_tsc();
	time = process_time(timer->process);
	return timer == &timer->process->timers[ITIMER_VIRTUAL] ? time.user : time.user + time.system;
}

static void fire(struct timer *kernel_timer)
{
	struct interval_timer *timer = container(kernel_timer);
	struct process *process = timer->process;
	uint64_t now = now_of(timer);
	struct signal_info info = {.number = timer_signal[timer - process->timers], .code = SI_KERNEL};

	if (now >= timer->expires) {
		signal_send_process(process, &info);
		if (!timer->interval) {
			timer->expires = 0;
			return;
		}
		while (timer->expires <= now)
			timer->expires += timer->interval;
	}
	timers_add(kernel_timer, read_tsc() + (timer->expires - now), fire);
}

void itimers_init(struct process *process)
{
	for (unsigned i = 0; i < ITIMER_COUNT; i++) {
		list_init(&process->timers[i].timer.link);
		process->timers[i].process = process;
	}
}

void itimers_stop(struct process *process)
{
	for (unsigned i = 0; i < ITIMER_COUNT; i++) {
		timers_remove(&process->timers[i].timer);
		process->timers[i].expires = 0;
	}
}

static uint64_t remaining_ns(const struct interval_timer *timer)
{
	uint64_t now = now_of(timer);

	if (!timer->expires)
		return 0;
	return timer->expires > now ? MAX(ticks_to_ns(timer->expires - now), 1000UL) : 1000;
}

/* Starts the timer with these times, 0: off. */
static void set(struct interval_timer *timer, uint64_t value_ns, uint64_t interval_ns)
{
	timers_remove(&timer->timer);
	timer->interval = interval_ns ? MAX(ns_to_ticks(interval_ns), 1UL) : 0;
	timer->expires = value_ns ? now_of(timer) + ns_to_ticks(value_ns) : 0;
	if (value_ns)
		timers_add(&timer->timer, read_tsc() + ns_to_ticks(value_ns), fire);
}

static bool to_ns(int64_t seconds, int64_t microseconds, uint64_t *ns)
{
	if (seconds < 0 || microseconds < 0 || microseconds >= 1000000)
		return false;
	*ns = MIN((uint64_t)seconds, UINT64_MAX / 4 / NANOSECONDS) * NANOSECONDS +
	      (uint64_t)microseconds * 1000;
	return true;
}

static long put_timer(uint64_t address, const struct interval_timer *timer)
{
	uint64_t value = remaining_ns(timer) / 1000, interval = (ticks_to_ns(timer->interval) + 500) / 1000;
	struct timer_value user = {
	        .interval_seconds = (int64_t)(interval / 1000000),
	        .interval_microseconds = (int64_t)(interval % 1000000),
	        .value_seconds = (int64_t)(value / 1000000),
	        .value_microseconds = (int64_t)(value % 1000000),
	};

	return copy_to_user(address, &user, sizeof(user));
}

long sys_getitimer(unsigned which, uint64_t address)
{
	if (which >= ITIMER_COUNT)
		return -EINVAL;
	return put_timer(address, &current_process()->timers[which]);
}

long sys_setitimer(unsigned which, uint64_t new_address, uint64_t old_address)
{
	struct interval_timer *timer = &current_process()->timers[which < ITIMER_COUNT ? which : 0];
	struct timer_value user = {0};
	uint64_t value, interval;

	if (new_address && copy_from_user(&user, new_address, sizeof(user)))
		return -EFAULT;
	if (which >= ITIMER_COUNT || !to_ns(user.value_seconds, user.value_microseconds, &value) ||
	    !to_ns(user.interval_seconds, user.interval_microseconds, &interval))
		return -EINVAL;
	if (old_address && put_timer(old_address, timer))
		return -EFAULT;
	set(timer, value, interval);
	return 0;
}

long sys_alarm(unsigned seconds)
{
	struct interval_timer *timer = &current_process()->timers[ITIMER_REAL];
	uint64_t left = remaining_ns(timer);

	set(timer, seconds * NANOSECONDS, 0);
	return (long)((left + NANOSECONDS / 2) / NANOSECONDS) + (left && left < NANOSECONDS / 2);
}
