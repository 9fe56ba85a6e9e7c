/*
 * Workload `events`: how long signals and kills that reach a thread inside a protected library are held, what
 * an entrance costs when none comes, and how soon other processes learn that a library has failed. Each event
 * is checked: it comes once, not inside, and leaves the library's invariant whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/arguments.h"
#include "common/random.h"
#include "common/records.h"
#include "common/ticks.h"
#include "guarded_pair.h"
#include "portcullis/layout.h"
#include "portcullis/portcullis.h"

#define ROUNDS      1500 /* of work inside: longer than the longest timer */
#define TIMER_LEAST 10   /* microseconds until the event */
#define TIMER_MOST  40
#define FAR         1000 /* seconds: a timer that does not come */

static uint64_t signals = 300, kills = 100, failures = 20, calls = 2000, seed = 1;
static struct random random_state;
static volatile uint64_t handled, handled_at, inside;

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "event-delay: %s: %s\n", what, why);
	exit(1);
}

static void attach(unsigned flags)
{
	if (portcullis_attach("guarded_pair", flags))
		fail("attach", portcullis_error());
}

static void handle(int number, siginfo_t *information, void *context)
{
	uint64_t rip = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	uint64_t offset = (rip - PORTCULLIS_DOMAINS_START) % PORTCULLIS_DOMAIN_SIZE;

	(void)number, (void)information;
	handled_at = ticks_now();
	handled++;
	inside += rip >= PORTCULLIS_DOMAINS_START && rip < PORTCULLIS_DOMAINS_END &&
	          offset >= PORTCULLIS_GATE_SIZE;
}

static void handle_alarms(void)
{
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};

	sigaction(SIGALRM, &action, NULL);
}

static void set_timer(long seconds, long microseconds)
{
	struct itimerval timer = {{0, 0}, {seconds, microseconds}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static long some_time(void)
{
	return TIMER_LEAST + (long)random_below(&random_state, TIMER_MOST - TIMER_LEAST);
}

/* `metric`: what the times are. */
static void record_case(const char *name, const char *metric, const struct histogram *times, uint64_t lost,
                        uint64_t broken)
{
	records_arguments("\"case\":\"%s\"", name);
	if (times->count)
		records_histogram(metric, "ticks", times);
	records_number("lost", "events", (double)lost, times->count);
	records_number("broken", "events", (double)broken, times->count);
	printf("event-delay: %s: %" PRIu64 ", %s %" PRIu64 " to %" PRIu64 " ticks, median %" PRIu64
	       "; %" PRIu64 " lost, %" PRIu64 " broken\n",
	       name, times->count, metric, times->least, times->most, histogram_permille(times, 500), lost,
	       broken);
}

/* What defer=flag needs behind each call. */
static inline void look_at_flag(void)
{
	uint64_t pending;
	sigset_t none;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(pending) : "i"(PORTCULLIS_THREAD_PAGE_PENDING) : "memory");
	if (__builtin_expect(pending != 0, 0)) {
		sigemptyset(&none);
		sigprocmask(SIG_BLOCK, &none, NULL); /* sets the mask, as it is */
	}
}

/* ---- signals: held until the library call has ended ---- */

static void time_signals(void)
{
	static struct histogram delays;
	uint64_t lost = 0, broken = 0;

	handle_alarms();
	pair_add(0);
	for (uint64_t i = 0; i <= signals;
	     i++) { /* the first one finds pages that are not there, and is not timed */
		uint64_t end;

		handled = 0;
		set_timer(0, some_time());
		end = pair_add(ROUNDS);
		look_at_flag();
		while (!handled)
			;
		set_timer(0, 0);
		lost += handled != 1;
		broken += pair_difference() != 0;
		if (i > 0 && handled_at >= end)
			histogram_add(&delays, handled_at - end);
	}
	record_case("signal", "delay", &delays, lost, broken);
	records_number("inside", "events", (double)inside, signals);
}

/* ---- kills: a process ends when its call has ended, and is waited for ---- */

static void time_kills(void)
{
	static struct histogram times;
	uint64_t lost = 0, broken = 0;

	for (uint64_t i = 0; i < kills; i++) {
		long time = some_time();
		pid_t child = fork();
		uint64_t now;
		int status;

		if (child < 0)
			fail("fork", strerror(errno));
		if (child == 0) {
			pair_add(0); /* the pages are there */
			signal(SIGALRM, SIG_DFL);
			set_timer(0, time);
			pair_add(ROUNDS);
			look_at_flag();
			for (;;)
				pause();
		}
		waitpid(child, &status, 0);
		now = ticks_now();
		lost += !WIFSIGNALED(status) || WTERMSIG(status) != SIGALRM;
		broken += pair_difference() != 0;
		histogram_add(&times, now - pair_ended());
	}
	record_case("kill", "gone", &times, lost, broken);
}

/* ---- no event ---- */

static double time_calls(void)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < calls; i++)
		pair_difference();
	return (double)(ticks_now() - start) / (double)calls;
}

static double time_polled_calls(void)
{
	uint64_t start = ticks_now();

	for (uint64_t i = 0; i < calls; i++) {
		pair_difference();
		look_at_flag();
	}
	return (double)(ticks_now() - start) / (double)calls;
}

static void time_no_event(void)
{
	double plain, armed, polled;

	signal(SIGALRM, SIG_IGN);
	time_calls();
	plain = time_calls();
	handle_alarms();
	set_timer(FAR, 0);
	armed = time_calls();
	set_timer(0, 0);
	polled = time_polled_calls();
	records_arguments("\"case\":\"none\"");
	records_number("entrance", "ticks", plain, calls);
	records_number("entrance_handler", "ticks", armed, calls);
	records_number("entrance_polled", "ticks", polled, calls);
	printf("event-delay: an entrance: %.2f ticks, with a handler and a timer %.2f, with polling %.2f\n",
	       plain, armed, polled);
}

/* ---- a library that fails ---- */

/* Waits inside, and tells when the error comes. */
static _Noreturn void wait_for_failure(int ready, int never, int tell)
{
	long result = pair_wait(ready, never);
	uint64_t now = ticks_now();

	if (result != PORTCULLIS_FAILED || pair_difference() != PORTCULLIS_FAILED)
		now = 0;
	_exit(write(tell, &now, sizeof(now)) != sizeof(now));
}

static void time_failures(void)
{
	static struct histogram told, overruns;
	uint64_t lost = 0;

	for (uint64_t i = 0; i < failures; i++) {
		int ready[2], never[2], tell[2];
		uint64_t start, end, seen = 0;
		char byte;
		pid_t child;

		if (pipe(ready) || pipe(never) || pipe(tell))
			fail("pipe", strerror(errno));
		attach(PORTCULLIS_SHARED);
		child = fork();
		if (child < 0)
			fail("fork", strerror(errno));
		if (child == 0)
			wait_for_failure(ready[1], never[0], tell[1]);
		if (read(ready[0], &byte, 1) != 1)
			fail("pipe", strerror(errno));
		start = ticks_now();
		lost += pair_overrun() != PORTCULLIS_FAILED;
		end = ticks_now();
		if (read(tell[0], &seen, sizeof(seen)) != sizeof(seen) || !seen)
			lost++;
		waitpid(child, NULL, 0);
		histogram_add(&overruns, end - start);
		histogram_add(&told, seen - start);
		if (portcullis_detach("guarded_pair"))
			fail("detach", portcullis_error());
		for (unsigned side = 0; side < 2; side++) {
			close(ready[side]);
			close(never[side]);
			close(tell[side]);
		}
	}
	record_case("failure", "told", &told, lost, 0);
	if (failures)
		records_histogram("cut", "ticks", &overruns);
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
	static struct record_source source = {.experiment = "events", .workload = "event-delay"};
	const struct argument table[] = {
	        {.name = "--signals", .help = "that come inside a call", .number = &signals, .most = 1000000},
	        {.name = "--kills", .help = "of processes inside a call", .number = &kills, .most = 100000},
	        {.name = "--failures", .help = "of a shared library", .number = &failures, .most = 10000},
	        {.name = "--calls",
	         .help = "without an event",
	         .number = &calls,
	         .least = 1,
	         .most = 1000000000},
	        {.name = "--seed", .help = "of the times of events", .number = &seed, .most = 1000000000},
	};

	arguments_parse("event-delay", "Sends events to threads inside a protected library, and times them.",
	                table, sizeof(table) / sizeof(table[0]), argc, argv);
	random_seed(&random_state, seed);
	attach(PORTCULLIS_SHARED);
	source.backend = portcullis_backend();
	source.seed = seed;
	records_open(&source);
	time_no_event();
	time_signals();
	time_kills();
	if (portcullis_detach("guarded_pair"))
		fail("detach", portcullis_error());
	time_failures();
	return 0;
}
