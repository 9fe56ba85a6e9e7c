/*
 * Tries backend `flip`: calls work, and the library's memory is out of reach. A line "ok ..." or "not ok ..."
 * for each claim. `check alone` leaves out what one thread can do while another is inside, which the kernel
 * half of the backend answers for.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "portcullis/portcullis.h"
#include "safe.h"

#define SECRET     0x5ec2e7
#define CALLS      1000
#define ATTEMPTS   20
#define FLIP_LEAVE 0x7fffffff /* flip.h */
#define GATE_CALL  0x40000000 /* domain/gate.h */

static bool failed;
static sigjmp_buf escape;
static int inside, stop;

static void claim(bool holds, const char *text)
{
	printf("%s %s\n", holds ? "ok" : "not ok", text);
	failed |= !holds;
}

static void fault(int number)
{
	siglongjmp(escape, number);
}

/* The signal that an access ends with, 0: none. */
static int try_read(const volatile long *address)
{
	int number = sigsetjmp(escape, 1);

	if (!number)
		(void)*address;
	return number;
}

static int try_write(volatile long *address)
{
	int number = sigsetjmp(escape, 1);

	if (!number)
		*address = 0;
	return number;
}

static int try_call(void (*function)(void))
{
	int number = sigsetjmp(escape, 1);

	if (!number)
		function();
	return number;
}

static void check_calls(void)
{
	long right = 0;

	safe_put(SECRET);
	claim(safe_get() == SECRET, "the library keeps a number");
	claim(safe_sum(1, 2, 3, 4, 5, 6) == 91, "six arguments arrive");
	for (long i = 0; i < CALLS; i++)
		right += safe_sum(i, 0, 0, 0, 0, 0) == i;
	claim(right == CALLS, "a thousand calls return");
}

static void check_memory(void)
{
	long *address = safe_address();

	safe_get(); /* brings the translation of the address into the TLB */
	claim(try_read(address) == SIGSEGV, "the application cannot read the library's data");
	claim(try_write(address) == SIGSEGV, "nor write it");
	claim(try_call((void (*)(void))safe_code()) == SIGSEGV, "nor jump to its code");
	claim(write(STDOUT_FILENO, address, sizeof(*address)) == -1 && errno == EFAULT,
	      "nor let the kernel read it");
	claim(safe_get() == SECRET, "the number is what it was");
}

static void check_numbers(void)
{
	claim(syscall(FLIP_LEAVE) == -1 && errno == ENOSYS, "nobody leaves a library who is in none");
	claim(syscall(GATE_CALL | 0xffff) == -1 && errno == ENOSYS,
	      "an index that no entry point has is no call");
	claim(syscall(GATE_CALL | 90 << 16) == -1 && errno == ENOSYS, "nor is a slot without a library");
	claim(safe_get() == SECRET, "the library still works");
}

static void *linger(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)safe_linger(&inside, &stop);
}

/* The other thread is preempted inside the library, over and over. */
static void check_threads(void)
{
	const long *address = safe_address();
	pthread_t thread;
	int faults = 0, right = 0;
	void *result;

	pthread_create(&thread, NULL, linger, NULL);
	while (!__atomic_load_n(&inside, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < ATTEMPTS; i++) {
		sched_yield(); /* to the thread inside, until it is preempted */
		faults += try_read(address) == SIGSEGV;
		right += safe_get() == SECRET;
	}
	claim(faults == ATTEMPTS, "while one thread is inside, another one cannot read the library's data");
	claim(right == ATTEMPTS, "but can call it");
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, &result);
	claim(!result, "the thread inside is not disturbed");
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = fault};

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (portcullis_attach("safe", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "check: %s\n", portcullis_error());
		return 1;
	}
	sigaction(SIGSEGV, &action, NULL);
	printf("backend %s\n", portcullis_backend());
	check_calls();
	check_memory();
	check_numbers();
	if (argc < 2 || strcmp(argv[1], "alone"))
		check_threads();
	if (portcullis_detach("safe")) {
		fprintf(stderr, "check: %s\n", portcullis_error());
		return 1;
	}
	return failed;
}
