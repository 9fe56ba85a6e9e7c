/* Interval timers and alarm. */
#include "case.h"

#include <sys/syscall.h>
#include <sys/time.h>

#define SUBJECT "timers"

static volatile int handled;

static void describe_timer(int number, siginfo_t *info, void *context)
{
	(void)context;
	handled++;
	say("%s: signo %d code %d\n", signal_name(number), info->si_signo, info->si_code);
}

CASE(alarm_seconds)
{
	say("case's own alarm was set: %d\n", alarm(100) > 0);
	say_result("replaced", alarm(50));
	say_result("cancelled", alarm(0));
	say_result("none", alarm(0));
}

CASE(interval_timer)
{
	struct itimerval timer = {{1, 5}, {100, 7}}, old;
	unsigned left;

	alarm(0);
	must("setitimer", setitimer(ITIMER_REAL, &timer, &old));
	say("before: %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	must("getitimer", getitimer(ITIMER_REAL, &old));
	say("runs: %d, interval %ld.%06ld\n", old.it_value.tv_sec >= 50 && old.it_value.tv_sec <= 100,
	    (long)old.it_interval.tv_sec, (long)old.it_interval.tv_usec);
	left = alarm(0);
	say("alarm tells the seconds: %d\n", left >= 50 && left <= 100);
	must("getitimer", getitimer(ITIMER_REAL, &old));
	say("cleared: %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	timer.it_value.tv_usec = 1000000;
	say_result("bad microseconds", setitimer(ITIMER_REAL, &timer, NULL));
	say_result("unknown timer", setitimer(77, &timer, NULL));
	say_result("unknown timer", getitimer(77, &timer));
	say_result("bad pointer", syscall(SYS_setitimer, ITIMER_REAL, BAD, NULL));
	say_result("bad old", syscall(SYS_getitimer, ITIMER_REAL, BAD));
}

CASE(interval_timer_repeats)
{
	handle_info(SIGALRM, describe_timer, 0);
	set_timer(ITIMER_REAL, 2000, 2000);
	while (handled < 5)
		pause();
	set_timer(ITIMER_REAL, 0, 0);
}

CASE(timers_of_processor_time)
{
	handle_info(SIGVTALRM, describe_timer, 0);
	handle_info(SIGPROF, describe_timer, 0);
	set_timer(ITIMER_VIRTUAL, 5000, 0);
	sleep_ms(30);
	say("asleep: %d\n", handled);
	while (handled < 1)
		;
	set_timer(ITIMER_PROF, 5000, 0);
	while (handled < 2)
		getppid();
	say("ran\n");
}

CASE(timer_is_not_inherited)
{
	struct itimerval timer;
	pid_t pid;

	alarm(10);
	pid = must("fork", fork());
	if (pid == 0) {
		getitimer(ITIMER_REAL, &timer);
		say("child: %ld\n", (long)timer.it_value.tv_sec);
		_exit(0);
	}
	finish_child("child", pid);
	say("parent: %d\n", alarm(0) > 0);
}
