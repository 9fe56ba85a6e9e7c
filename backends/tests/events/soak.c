/*
 * soak SEED EVENTS: eight processes change records of one shared library, each its own, while timers, kills,
 * stops and faults hit them anywhere. What was committed is there afterwards, nothing is torn, no memory is
 * lost.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domains/case.h"
#include "store.h"

#define CLIENTS      STORE_RECORDS
#define WARM_UP      500 /* events before memory is counted */
#define TIMER_MOST   300 /* microseconds that a client lives at most */
#define PAGE         4096
#define LEAK_MOST    8 /* pages: the kernel keeps those that it needed for most processes at once */
#define PAUSE_ONE_IN 8
#define HITS         3 /* by the parent, each time that it looks */

static uint64_t state;
static volatile long *committed; /* by client: the last value that store_put() has returned to it */
static pid_t clients[CLIENTS];
static long kills, stops, faults, timers, lost, torn, strange;

const char *case_name = "soak";
int claims_status(void);

/* xorshift64* (Marsaglia; Vigna). */
static unsigned long chance(unsigned long below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1d >> 33) % below;
}

static _Noreturn void work(long self, uint64_t seed)
{
	struct itimerval timer = {{0, 0}, {0, 0}};
	long value = 0;

	state = seed;
	if (portcullis_detach("store")) /* the parent's: a client of its own */
		_exit(3);
	attach("store", PORTCULLIS_SHARED);
	if (store_get(self, &value))
		_exit(2);
	timer.it_value.tv_usec = 1 + (long)chance(TIMER_MOST);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (;;) {
		long other;

		value++;
		if (store_put(self, value, chance(PAUSE_ONE_IN) == 0) != value)
			_exit(2);
		committed[self] = value;
		if (store_get((long)chance(CLIENTS), &other))
			_exit(2);
	}
}

static void start(long client)
{
	uint64_t seed = chance(1UL << 30) + 1;

	clients[client] = fork();
	if (clients[client] == 0)
		work(client, seed);
	if (clients[client] < 0) {
		claim(false, "fork", "%s", strerror(errno));
		exit(claims_status());
	}
}

/* The client is gone: one value may have been committed without its knowing. */
static void check(long client, int status)
{
	long value = 0, known = committed[client];
	long result = store_get(client, &value);

	torn += result == -EIO;
	lost += result == 0 && value != known && value != known + 1;
	if (!WIFSIGNALED(status))
		strange++;
	else if (WTERMSIG(status) == SIGALRM)
		timers++;
	else if (WTERMSIG(status) == SIGKILL)
		kills++;
	else if (WTERMSIG(status) == SIGSEGV)
		faults++;
	else
		strange++;
	committed[client] = value;
}

static void hit(long client)
{
	switch (chance(4)) {
	case 0:
		kill(clients[client], SIGKILL);
		break;
	case 1:
		kill(clients[client], SIGSEGV);
		break;
	case 2:
		kill(clients[client], SIGSTOP);
		stops++;
		break;
	default:
		kill(clients[client], SIGCONT);
	}
}

static long events(void)
{
	return kills + stops + faults + timers + strange;
}

static void run(long count)
{
	long until = events() + count;

	for (long i = 0; i < CLIENTS; i++)
		start(i);
	while (events() < until) {
		int status;
		pid_t gone;

		for (unsigned i = 0; i < HITS; i++)
			hit((long)chance(CLIENTS));
		for (long i = 0; i < CLIENTS; i++) /* a stopped one would live for ever */
			if (chance(8) == 0)
				kill(clients[i], SIGCONT);
		gone = waitpid(-1, &status, WNOHANG);
		if (gone == 0)
			sched_yield();
		for (long i = 0; gone > 0 && i < CLIENTS; i++) {
			if (clients[i] != gone)
				continue;
			check(i, status);
			start(i);
		}
	}
	for (long i = 0; i < CLIENTS; i++) {
		int status;

		kill(clients[i], SIGKILL);
		waitpid(clients[i], &status, 0);
		check(i, status);
	}
}

int main(int argc, char **argv)
{
	unsigned long before;
	long leak;

	if (argc != 3) {
		fprintf(stderr, "soak: usage: soak SEED EVENTS\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 10) * 2 + 1;
	committed = mmap(NULL, CLIENTS * sizeof(*committed), PROT_READ | PROT_WRITE,
	                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (committed == MAP_FAILED)
		return 1;
	attach("store", PORTCULLIS_SHARED);
	run(WARM_UP);
	before = free_memory();
	run(strtol(argv[2], NULL, 10));
	leak = (long)(before - free_memory()) / PAGE;
	claim(leak <= LEAK_MOST, "no memory is lost", "%ld pages", leak);
	claim_equal(lost, 0, "no committed record is lost");
	claim_equal(torn + store_check(), 0, "no record is torn");
	claim_equal(strange, 0, "no client has seen an error");
	printf("soak: seed %s: %ld events: %ld timers, %ld kills, %ld faults, %ld stops\n", argv[1], events(),
	       timers, kills, faults, stops);
	return claims_status();
}
