/*
 * interrupt CALL POINTS: lets a timer's signal arrive at POINTS successive moments before, in and after a
 * blocking system call. Whatever the moment, the call completes, restarts or says EINTR, the handler runs
 * exactly once, and no wake-up and no byte is lost. (A lost wake-up shows as a run that never ends.)
 *
 * The moment is set by a delay between the start of the timer and the call, one instruction longer each time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TIMER_MICROSECONDS 50
#define DELAY_MAX          65536 /* instructions: enough for the time above where the CPU is an emulator */
#define FUTEX_WAIT_PRIVATE 128
#define PIPE_PAGES         16
#define SLEEP_NS           10000
#define SLACK_NS           100000 /* Linux counts a timer's slack as time left */

static volatile int handled;
static uint32_t word;
static int ends[2];
static void (*in_handler)(void);
static long point, interrupted;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "interrupt: point %ld: %s: %s, handled %d\n", point, what, strerror(errno), handled);
	exit(1);
}

static void handler(int number)
{
	(void)number;
	handled++;
	if (in_handler)
		in_handler();
}

static void start_timer(void)
{
	struct itimerval timer = {{0, 0}, {0, TIMER_MICROSECONDS}};

	handled = 0;
	if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
		fail("setitimer");
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

static void set_handler(int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	if (sigaction(SIGALRM, &action, NULL) < 0)
		fail("sigaction");
}

static void wait_until_handled(void)
{
	while (!handled)
		;
	if (handled != 1)
		fail("handler ran more than once");
}

static void put_byte(void)
{
	if (write(ends[1], "x", 1) != 1)
		fail("write in the handler");
}

static void take_byte(void)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		fail("read");
}

static char page[4096];

static void take_page(void)
{
	if (read(ends[0], page, sizeof(page)) != sizeof(page))
		fail("read in the handler");
}

/* The handler writes the byte that read waits for. */
static void read_restarting(void)
{
	char byte;

	if (read(ends[0], &byte, 1) != 1)
		fail("read");
	wait_until_handled();
}

static void read_plain(void)
{
	char byte;
	ssize_t size = read(ends[0], &byte, 1);

	wait_until_handled();
	if (size < 0 && errno == EINTR) {
		take_byte();
		interrupted++;
	} else if (size != 1) {
		fail("read");
	}
}

/* A byte is there: read completes in any case. */
static void read_ready(void)
{
	char byte;

	if (write(ends[1], "y", 1) != 1 || read(ends[0], &byte, 1) != 1)
		fail("read");
	wait_until_handled();
}

/* The pipe is full; the handler makes room for one page. */
static void write_restarting(void)
{
	if (write(ends[1], page, sizeof(page)) != sizeof(page))
		fail("write");
	wait_until_handled();
}

static void sleep_short(void)
{
	struct timespec time = {0, SLEEP_NS}, left = {-1, -1};
	int result = nanosleep(&time, &left);

	if (result < 0 &&
	    (errno != EINTR || left.tv_sec != 0 || left.tv_nsec < 0 || left.tv_nsec > SLEEP_NS + SLACK_NS))
		fail("nanosleep");
	interrupted += result < 0;
	wait_until_handled();
}

static void set_word(void)
{
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
}

static void futex_wait(void)
{
	long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);

	if (result != -1 || (errno != EINTR && errno != EAGAIN))
		fail("futex");
	interrupted += errno == EINTR;
	wait_until_handled();
	word = 0;
}

static void futex_wait_restarting(void)
{
	long result = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);

	if (result != -1 || errno != EAGAIN)
		fail("futex");
	wait_until_handled();
	word = 0;
}

static void set_mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	if (sigprocmask(how, &set, NULL) < 0)
		fail("sigprocmask");
}

/* The signal is blocked but while ppoll waits: no moment is wrong. */
static void ppoll_unblocking(void)
{
	sigset_t none;

	sigemptyset(&none);
	if (ppoll(NULL, 0, NULL, &none) != -1 || errno != EINTR)
		fail("ppoll");
	wait_until_handled();
}

static void suspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	if (sigsuspend(&none) != -1 || errno != EINTR)
		fail("sigsuspend");
	wait_until_handled();
}

static void wait_for_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	if (sigtimedwait(&set, NULL, &(struct timespec){100, 0}) != SIGALRM)
		fail("sigtimedwait");
	if (handled)
		fail("the signal was taken and handled");
}

static const struct {
	const char *name;
	void (*call)(void);
	void (*in_handler)(void);
	int flags;
	bool blocked, full;
} calls[] = {
        {"read-restarting", read_restarting, put_byte, SA_RESTART, false, false},
        {"read", read_plain, put_byte, 0, false, false},
        {"read-ready", read_ready, NULL, 0, false, false},
        {"write-restarting", write_restarting, take_page, SA_RESTART, false, true},
        {"nanosleep", sleep_short, NULL, SA_RESTART, false, false},
        {"futex", futex_wait, set_word, 0, false, false},
        {"futex-restarting", futex_wait_restarting, set_word, SA_RESTART, false, false},
        {"ppoll", ppoll_unblocking, NULL, SA_RESTART, true, false},
        {"sigsuspend", suspend, NULL, SA_RESTART, true, false},
        {"sigtimedwait", wait_for_signal, NULL, SA_RESTART, true, false},
};

static void fill_pipe(void)
{
	for (int i = 0; i < PIPE_PAGES; i++)
		if (write(ends[1], page, sizeof(page)) != sizeof(page))
			fail("write");
}

/* Instructions of the delay between the start of the timer and its signal. */
static long delay_until_signal(void)
{
	long low = 0, high = DELAY_MAX;

	set_handler(0);
	while (low + 1 < high) { /* the signal comes within a delay of `high`, not of `low` */
		long middle = low + (high - low) / 2;
		int seen;

		start_timer();
		delay(middle);
		seen = handled;
		wait_until_handled();
		if (seen)
			high = middle;
		else
			low = middle;
	}
	return high;
}

int main(int argc, char **argv)
{
	long points, middle, first;
	size_t row = 0;

	while (argc == 3 && row < sizeof(calls) / sizeof(calls[0]) && strcmp(argv[1], calls[row].name))
		row++;
	if (argc != 3 || row == sizeof(calls) / sizeof(calls[0]) || (points = atol(argv[2])) <= 0) {
		fprintf(stderr, "interrupt: usage: interrupt CALL POINTS; CALL is one of:");
		for (row = 0; row < sizeof(calls) / sizeof(calls[0]); row++)
			fprintf(stderr, " %s", calls[row].name);
		fprintf(stderr, "\n");
		return 2;
	}
	if (pipe(ends) < 0)
		fail("pipe");
	middle = delay_until_signal();
	printf("interrupt: %s: signal after %ld instructions, %ld points\n", argv[1], middle, points);
	fflush(stdout);
	in_handler = calls[row].in_handler;
	set_handler(calls[row].flags);
	if (calls[row].blocked)
		set_mask(SIG_BLOCK);
	if (calls[row].full)
		fill_pipe();
	/* Most points lie before the signal: in the call. */
	first = middle > points * 3 / 4 ? middle - points * 3 / 4 : 0;
	for (point = 0; point < points; point++) {
		start_timer();
		delay(first + point);
		calls[row].call();
	}
	printf("interrupt: %s: %ld calls interrupted\n", argv[1], interrupted);
	return 0;
}
