/* Clocks and sleeping. */
#include "case.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define SUBJECT "clocks"

static long now(clockid_t clock)
{
	struct timespec time = {0, 0};

	must("clock_gettime", syscall(SYS_clock_gettime, clock, &time));
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

CASE(clocks_exist)
{
	struct timespec time;

	for (int clock = 0; clock < 8; clock++) {
		say("%d: %ld,", clock, syscall(SYS_clock_gettime, clock, &time));
		say(" %d\n", time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
	}
	say_result("unknown", syscall(SYS_clock_gettime, 77, &time));
	say_result("bad pointer", syscall(SYS_clock_gettime, CLOCK_MONOTONIC, BAD));
	say_result("resolution", syscall(SYS_clock_getres, CLOCK_MONOTONIC, &time));
	say("%ld.%09ld\n", (long)time.tv_sec, time.tv_nsec);
	say_result("resolution, no room", syscall(SYS_clock_getres, CLOCK_REALTIME, NULL));
	say_result("resolution of unknown", syscall(SYS_clock_getres, 77, &time));
	say_result("resolution, bad pointer", syscall(SYS_clock_getres, CLOCK_REALTIME, BAD));
}

CASE(clocks_advance)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC,          CLOCK_MONOTONIC_RAW,
	                                   CLOCK_BOOTTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};

	for (size_t i = 0; i < COUNT(clocks); i++) {
		long first = now(clocks[i]), last = first;
		int backwards = 0;

		for (int j = 0; j < 300; j++) {
			long next = now(clocks[i]);

			backwards += next < last;
			last = next;
		}
		say("clock %d: backwards %d, advanced %d\n", clocks[i], backwards, last > first);
	}
}

CASE(processor_time_excludes_sleep)
{
	long thread = now(CLOCK_THREAD_CPUTIME_ID), process = now(CLOCK_PROCESS_CPUTIME_ID);

	sleep_ms(200);
	say("thread: %d\n", now(CLOCK_THREAD_CPUTIME_ID) - thread < 100000000);
	say("process: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) - process < 100000000);
	thread = now(CLOCK_THREAD_CPUTIME_ID);
	while (now(CLOCK_THREAD_CPUTIME_ID) - thread < 5000000)
		;
	say("process holds its thread's time: %d\n", now(CLOCK_PROCESS_CPUTIME_ID) - process >= 5000000);
}

CASE(calls_agree)
{
	struct timeval day;
	long before = now(CLOCK_REALTIME), middle, after;
	time_t seconds;

	must("gettimeofday", syscall(SYS_gettimeofday, &day, NULL));
	middle = day.tv_sec * 1000000000L + day.tv_usec * 1000L;
	after = now(CLOCK_REALTIME);
	say("gettimeofday: %d\n", before - 1000 < middle && middle <= after);
	seconds = syscall(SYS_time, NULL);
	say("time: %d\n",
	    seconds >= before / 1000000000L - 1 && seconds <= now(CLOCK_REALTIME) / 1000000000L);
	say("time to memory: %d\n", syscall(SYS_time, &seconds) == seconds);
	say_result("bad pointer", syscall(SYS_gettimeofday, BAD, NULL));
	say_result("bad pointer", syscall(SYS_time, BAD));
}

CASE(sleep_long_enough)
{
	static const long times[] = {1, 1000, 1000000, 20000000};

	for (size_t i = 0; i < COUNT(times); i++) {
		struct timespec time = {0, times[i]}, left = {77, 77};
		long start = now(CLOCK_MONOTONIC);

		say_result("nanosleep", nanosleep(&time, &left));
		say("%ld ns: %d, left untouched %d\n", times[i], now(CLOCK_MONOTONIC) - start >= times[i],
		    left.tv_sec == 77);
	}
}

CASE(sleep_errors)
{
	say_result("too many nanoseconds", nanosleep(&(struct timespec){0, 1000000000}, NULL));
	say_result("negative nanoseconds", nanosleep(&(struct timespec){0, -1}, NULL));
	say_result("negative seconds", nanosleep(&(struct timespec){-1, 0}, NULL));
	say_result("nothing", nanosleep(&(struct timespec){0, 0}, NULL));
	say_result("bad pointer", syscall(SYS_nanosleep, BAD, NULL));
	say_result("unknown clock", syscall(SYS_clock_nanosleep, 77, 0, &(struct timespec){0, 0}, NULL));
	say_result("thread's clock",
	           syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &(struct timespec){0, 0}, NULL));
}

CASE(sleep_until)
{
	struct timespec time;
	long wanted = now(CLOCK_MONOTONIC) + 20000000;

	time = (struct timespec){wanted / 1000000000L, wanted % 1000000000L};
	say_error("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
	say("reached: %d\n", now(CLOCK_MONOTONIC) >= wanted);
	say_error("past", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL));
	say_error("long past",
	          clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1, 0}, NULL));
	wanted = now(CLOCK_REALTIME) + 10000000;
	time = (struct timespec){wanted / 1000000000L, wanted % 1000000000L};
	say_error("real time", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, NULL));
	say("reached: %d\n", now(CLOCK_REALTIME) >= wanted);
}
