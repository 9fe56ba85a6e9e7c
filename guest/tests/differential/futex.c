/* Futexes: waiting, waking, requeueing, sharing between processes, robust lists. */
#include "case.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define SUBJECT "futex"

#define FUTEX_WAIT        0
#define FUTEX_WAKE        1
#define FUTEX_REQUEUE     3
#define FUTEX_CMP_REQUEUE 4
#define FUTEX_WAIT_BITSET 9
#define FUTEX_WAKE_BITSET 10
#define FUTEX_PRIVATE     128

static long futex(void *word, int operation, uint32_t value, const void *time, void *word2, uint32_t value3)
{
	return syscall(SYS_futex, word, operation, value, time, word2, value3);
}

CASE(futex_answers)
{
	struct timespec time = {0, 5000000}, bad = {0, 1000000000}, past = {0, 0};
	uint32_t word = 5, other = 6;

	say_result("another value", futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0));
	say_result("time over", futex(&word, FUTEX_WAIT, 5, &time, NULL, 0));
	say_result("private, time over", futex(&word, FUTEX_WAIT | FUTEX_PRIVATE, 5, &time, NULL, 0));
	say_result("bad time", futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0));
	say_result("absolute, past", futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, ~0u));
	say_result("empty set", futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, 0));
	say_result("empty set to wake", futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
	say_result("wake nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
	say_result("odd address", futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0));
	say_result("odd address to wake", futex((char *)&word + 2, FUTEX_WAKE, 5, NULL, NULL, 0));
	say_result("bad address", futex(BAD, FUTEX_WAIT, 5, NULL, NULL, 0));
	say_result("bad time pointer", futex(&word, FUTEX_WAIT, 5, BAD, NULL, 0));
	say_result("requeue nobody", futex(&word, FUTEX_REQUEUE, 1, (void *)1, &other, 0));
	say_result("requeue of another value", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 99));
	say_result("requeue of this value", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &other, 5));
	say_result("unknown operation", futex(&word, 77, 0, NULL, NULL, 0));
}

static uint32_t gate_a, gate_b;
static int asleep, woken;

static void *wait_at_gate(void *argument)
{
	(void)argument;
	__atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
	while (futex(&gate_a, FUTEX_WAIT | FUTEX_PRIVATE, 0, NULL, NULL, 0) < 0 && errno == EINTR)
		;
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Wakes at most `most`, until one was there to wake. */
static int wake_until(uint32_t *word, int most, int wanted)
{
	int count = 0;

	while (count < wanted) {
		count += futex(word, FUTEX_WAKE | FUTEX_PRIVATE, most, NULL, NULL, 0);
		sched_yield();
	}
	return count;
}

CASE(futex_wakes_as_many_as_asked)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(wait_at_gate, NULL);
	wait_until(&asleep, 4);
	say("one: %d\n", wake_until(&gate_a, 1, 1));
	wait_until(&woken, 1);
	sleep_ms(5);
	say("woken %d\n", woken);
	say("all others: %d\n", wake_until(&gate_a, INT_MAX, 3));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	say("woken %d\n", woken);
}

CASE(futex_requeue)
{
	pthread_t threads[3];
	long moved = 0;

	for (int i = 0; i < 3; i++)
		threads[i] = start_thread(wait_at_gate, NULL);
	wait_until(&asleep, 3);
	while (moved < 3) {
		moved += futex(&gate_a, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE, 0, (void *)10, &gate_b, 0);
		sched_yield();
	}
	say("moved %ld\n", moved);
	say("at the old word: %ld\n", futex(&gate_a, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL, NULL, 0));
	say("at the new word: %ld\n", futex(&gate_b, FUTEX_WAKE | FUTEX_PRIVATE, 10, NULL, NULL, 0));
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void *wait_with_bits(void *argument)
{
	uint32_t bits = (uint32_t)(intptr_t)argument;

	__atomic_fetch_add(&asleep, 1, __ATOMIC_SEQ_CST);
	futex(&gate_a, FUTEX_WAIT_BITSET | FUTEX_PRIVATE, 0, NULL, NULL, bits);
	say("woken: bits %u\n", bits);
	return NULL;
}

CASE(futex_bits)
{
	pthread_t one = start_thread(wait_with_bits, (void *)1),
	          two = start_thread(wait_with_bits, (void *)2);
	long count = 0;

	wait_until(&asleep, 2);
	while (count < 1) {
		count += futex(&gate_a, FUTEX_WAKE_BITSET | FUTEX_PRIVATE, 10, NULL, NULL, 2);
		sched_yield();
	}
	pthread_join(two, NULL);
	wake_until(&gate_a, 10, 1);
	pthread_join(one, NULL);
}

static void wait_shared(void *argument)
{
	while (futex(argument, FUTEX_WAIT, 0, NULL, NULL, 0) < 0 && errno == EINTR)
		;
	say("child woken, word %u\n", *(uint32_t *)argument);
}

CASE(futex_between_processes)
{
	uint32_t *word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = start_child(wait_shared, word);
	long count = 0;

	while (count < 1) {
		count += futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
		sched_yield();
	}
	finish_child("child", pid);
}

CASE(futex_in_a_shared_file)
{
	int fd = must("open", open("file", O_RDWR | O_CREAT, 0644));
	uint32_t *word, *other;
	pid_t pid;
	long count = 0;

	must("ftruncate", ftruncate(fd, PAGE));
	word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid = start_child(wait_shared, word);
	while (count < 1) {
		count += futex(other, FUTEX_WAKE, 1, NULL, NULL, 0);
		sched_yield();
	}
	finish_child("child", pid);
}

static int handled;

static void count_signal(int number)
{
	(void)number;
	handled++;
}

CASE(futex_interrupted)
{
	uint32_t word = 0;

	handle(SIGALRM, count_signal, 0);
	set_timer(ITIMER_REAL, 10000, 10000);
	say_result("wait", futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
	handle(SIGALRM, count_signal, SA_RESTART);
	say_result("wait, restarting", futex(&word, FUTEX_WAIT, 0, &(struct timespec){1000, 0}, NULL, 0));
	say("handled %d\n", handled >= 2);
}

static pthread_mutex_t *robust;

static void die_with_lock(void *argument)
{
	(void)argument;
	pthread_mutex_lock(robust);
	_exit(1);
}

CASE(robust_mutex)
{
	pthread_mutexattr_t attributes;

	robust = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(robust, &attributes);
	in_child("owner", die_with_lock, NULL);
	say_error("lock", pthread_mutex_lock(robust));
	say_error("consistent", pthread_mutex_consistent(robust));
	say_error("unlock", pthread_mutex_unlock(robust));
	say_error("lock again", pthread_mutex_lock(robust));
}

CASE(robust_list_calls)
{
	struct {
		void *next;
		long offset;
		void *pending;
	} head = {&head, 0, NULL}, *now;
	size_t size = 0;

	say_result("set, wrong size", syscall(SYS_set_robust_list, &head, 8));
	say_result("set", syscall(SYS_set_robust_list, &head, sizeof(head)));
	say_result("get", syscall(SYS_get_robust_list, 0, &now, &size));
	say("same %d, size %zu\n", now == &head, size);
	say_result("get of nobody", syscall(SYS_get_robust_list, 999999, &now, &size));
}
