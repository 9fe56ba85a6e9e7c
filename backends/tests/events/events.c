/* events CASE: events that reach a thread inside a library, and libraries that fail. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "crossing/outer.h"
#include "domains/case.h"
#include "fragile.h"
#include "portcullis/layout.h"

#define POINTS             400 /* instructions: an entrance is shorter */
#define TIMER_MICROSECONDS 50
#define DELAY_MAX          65536 /* instructions: longer than that */
#define FAILURES           50

int claims_status(void);
const char *case_name;

/* ---- failures ---- */

static void case_fault(void)
{
	attach("fragile", PORTCULLIS_PRIVATE);
	claim(!portcullis_failure("fragile"), "a library works", "%s", portcullis_failure("fragile"));
	claim_equal(fragile_fault(), PORTCULLIS_FAILED, "a call that crashes returns an error");
	claim(portcullis_failure("fragile") && strstr(portcullis_failure("fragile"), "invalid opcode"),
	      "its reason is told", "%s", portcullis_failure("fragile"));
	claim_equal(fragile_pair(), PORTCULLIS_FAILED, "later calls return it, too");
	claim(portcullis_detach("fragile") == 0, "it can be left", "%s", portcullis_error());
	attach("fragile", PORTCULLIS_PRIVATE);
	claim_equal(fragile_pair(), 1, "and attached afresh");
	claim_equal(fragile_turn(), PORTCULLIS_FAILED, "a call that never returns is cut short");
	claim(portcullis_failure("fragile") && strstr(portcullis_failure("fragile"), "budget"),
	      "its reason is told", "%s", portcullis_failure("fragile"));
}

static void fail_again(void *unused)
{
	(void)unused;
	for (int i = 0; i < FAILURES; i++) {
		attach("fragile", PORTCULLIS_SHARED);
		if (fragile_pair() != 1 || fragile_fault() != PORTCULLIS_FAILED ||
		    portcullis_detach("fragile"))
			_exit(1);
	}
}

static void start_afresh(void *unused)
{
	portcullis_detach("fragile");
	fail_again(unused);
}

static void case_others(void)
{
	int ready[2], never[2];
	unsigned long before;
	pid_t child;
	char byte;

	if (pipe(ready) || pipe(never))
		return;
	claim_equal(in_child(fail_again, NULL), CHILD_OK, "a shared library fails again and again");
	before = free_memory();
	claim_equal(in_child(fail_again, NULL), CHILD_OK, "and once more");
	claim_equal((long)(before - free_memory()), 0, "without losing a frame");
	attach("fragile", PORTCULLIS_SHARED);
	child = fork();
	if (child == 0)
		_exit(fragile_wait(ready[1], never[0]) != PORTCULLIS_FAILED ||
		      fragile_pair() != PORTCULLIS_FAILED);
	read(ready[0], &byte, 1);
	claim_equal(fragile_turn(), PORTCULLIS_FAILED, "a call that never returns is cut short");
	claim_equal(wait_for(child), CHILD_OK,
	            "another process gets the error from the call that it waits in");
	claim_equal(in_child(start_afresh, NULL), CHILD_OK, "who attaches next gets a fresh library");
	claim_equal(fragile_pair(), PORTCULLIS_FAILED, "who was attached does not");
}

/* ---- clients ---- */

static void leave_by_exit(void *unused)
{
	(void)unused;
}

static void leave_by_kill(void *unused)
{
	(void)unused;
	kill(getpid(), SIGKILL);
}

static void leave_by_crash(void *unused)
{
	(void)unused;
	__builtin_trap();
}

static void leave_by_exec(void *unused)
{
	(void)unused;
	execl("/bin/events", "events", "nothing", NULL);
}

static void case_clients(void)
{
	attach("fragile", PORTCULLIS_SHARED);
	in_child(leave_by_exit, NULL);
	claim_equal(fragile_departed(), 1, "the library is told of an exit");
	in_child(leave_by_kill, NULL);
	claim_equal(fragile_departed(), 2, "of a kill");
	in_child(leave_by_crash, NULL);
	claim_equal(fragile_departed(), 3, "of a crash outside");
	in_child(leave_by_exec, NULL);
	claim_equal(fragile_departed(), 4, "of an exec, once");
	claim_equal(fragile_pair(), 1, "and works");
}

static void attach_as_user(void *user)
{
	portcullis_detach("fragile");
	if (setuid((uid_t)(long)user))
		_exit(2);
	if ((long)user != 1000) {
		claim_refused(portcullis_attach("fragile", PORTCULLIS_SHARED), EPERM,
		              "manifest does not allow", "a user whom the manifest does not name");
		return;
	}
	attach("fragile", PORTCULLIS_SHARED);
	claim_equal(fragile_user(), 1000, "the library knows the caller's user");
	claim_equal(fragile_pair(), 2, "and serves both");
}

static void case_users(void)
{
	attach("fragile", PORTCULLIS_SHARED);
	claim_equal(fragile_user(), 0, "the library knows the caller");
	fragile_pair();
	claim_equal(in_child(attach_as_user, (void *)1000), CHILD_OK, "another user attaches");
	claim_equal(in_child(attach_as_user, (void *)1001), CHILD_OK, "a third one does not");
	claim_equal(fragile_pair(), 3, "the first goes on");
}

/* ---- an event at every instruction of an entrance ---- */

static volatile int handled, handled_inside;

static void handler(int number, siginfo_t *information, void *context)
{
	uint64_t rip = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	uint64_t offset = (rip - PORTCULLIS_DOMAINS_START) % PORTCULLIS_DOMAIN_SIZE;

	(void)number, (void)information;
	handled++;
	if (rip >= PORTCULLIS_DOMAINS_START && rip < PORTCULLIS_DOMAINS_END && offset >= PORTCULLIS_GATE_SIZE)
		handled_inside++;
}

static void start_timer(void)
{
	struct itimerval timer = {{0, 0}, {0, TIMER_MICROSECONDS}};

	handled = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Executes `count` instructions more than delay(0) does. */
static void delay(long count)
{
	long rounds = count / 2 + 1;

	__asm__ volatile("test $1, %1; jz 1f; nop; 1: dec %0; jnz 1b"
	                 : "+r"(rounds)
	                 : "r"((int)count)
	                 : "cc");
}

/* Instructions of the delay between the start of the timer and its signal. */
static long delay_until_signal(void)
{
	long low = 0, high = DELAY_MAX;

	while (low + 1 < high) {
		long middle = low + (high - low) / 2;
		int seen;

		start_timer();
		delay(middle);
		seen = handled;
		while (!handled)
			;
		*(seen ? &high : &low) = middle;
	}
	return high;
}

static long find_first_point(void)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGALRM, &action, NULL);
	return delay_until_signal() - POINTS;
}

static void case_signal_sweep(void)
{
	long first, once = 0, right = 0, during = 0;

	attach("fragile", PORTCULLIS_SHARED);
	fragile_pair();
	first = find_first_point();
	for (long point = 0; point < POINTS; point++) {
		start_timer();
		delay(first + point);
		right += fragile_pair() == point + 2;
		during += handled;
		while (!handled)
			;
		once += handled == 1;
	}
	claim_equal(once, POINTS, "a timer's signal arrives exactly once, at whatever instruction");
	claim_equal(right, POINTS, "each entrance has its result");
	claim_equal(handled_inside, 0, "no signal is delivered inside");
	claim(during > 50, "many have come during an entrance", "%ld", during);
	claim_equal(fragile_difference(), 0, "the invariant holds");
}

/* The same for a library that calls another one: the signal waits until the outer one has returned. */
static void case_nested_sweep(void)
{
	long first, once = 0, during = 0;

	attach("outer", PORTCULLIS_PRIVATE);
	outer_0();
	first = find_first_point();
	handled_inside = 0;
	for (long point = 0; point < POINTS; point++) {
		start_timer();
		delay(first + point);
		outer_0();
		during += handled;
		while (!handled)
			;
		once += handled == 1;
	}
	claim_equal(once, POINTS, "a timer's signal arrives exactly once in nested entrances, too");
	claim_equal(handled_inside, 0, "no signal is delivered inside of either library");
	claim(during > 50, "many have come during the entrances", "%ld", during);
}

/* A signal without a handler is a kill, by a timer that is exact to the instruction. */
static void case_kill_sweep(void)
{
	long first, good = 0, killed = 0, calls = 1;

	attach("fragile", PORTCULLIS_SHARED);
	fragile_pair();
	first = find_first_point();
	for (long point = 0; point < POINTS; point++) {
		pid_t child = fork();
		long value;

		if (child == 0) {
			fragile_pair(); /* the pages are there */
			signal(SIGALRM, SIG_DFL);
			start_timer();
			delay(first + point);
			fragile_pair();
			for (;;)
				pause();
		}
		killed += WTERMSIG(wait_for(child)) == SIGALRM;
		value = fragile_pair();
		if (value == PORTCULLIS_FAILED)
			break;
		good += fragile_difference() == 0 && value >= calls + 2 && value <= calls + 3;
		calls = value;
	}
	claim_equal(killed, POINTS, "a process is killed at every instruction of an entrance");
	claim_equal(good, POINTS, "the invariant holds after each, and the lock is free");
	claim_equal(fragile_departed(), POINTS, "each is told of");
}

static void case_nothing(void)
{
}

static const struct {
	const char *name;
	void (*function)(void);
} cases[] = {
        {"fault", case_fault},         {"others", case_others},        {"teardown", case_clients},
        {"users", case_users},         {"signals", case_signal_sweep}, {"kills", case_kill_sweep},
        {"nested", case_nested_sweep}, {"nothing", case_nothing},
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name))
			continue;
		case_name = cases[i].name;
		cases[i].function();
		return claims_status();
	}
	fprintf(stderr, "events: usage: events fault|others|teardown|users|signals|kills|nested\n");
	return 2;
}
