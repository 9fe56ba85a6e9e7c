/* Threads: creation, exit, locks, thread-directed signals, thread-local storage. */
#include "case.h"

#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define SUBJECT "threads"

static void *twice(void *argument)
{
	return (void *)((intptr_t)argument * 2);
}

CASE(create_and_join)
{
	void *result;

	for (intptr_t i = 1; i <= 5; i++) {
		pthread_join(start_thread(twice, (void *)i), &result);
		say("%ld\n", (long)(intptr_t)result);
	}
}

static void *identify(void *argument)
{
	say("same process %d, another thread %d\n", getpid() == *(pid_t *)argument,
	    syscall(SYS_gettid) != getpid());
	return NULL;
}

CASE(identity)
{
	pid_t self = getpid();

	pthread_join(start_thread(identify, &self), NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static volatile int counter;

static void *add(void *argument)
{
	for (int i = 0; i < 2000; i++) {
		int value;

		pthread_mutex_lock(&mutex);
		value = counter;
		if (i % 100 == 0)
			sched_yield();
		counter = value + 1;
		pthread_mutex_unlock(&mutex);
	}
	return argument;
}

CASE(mutex_excludes)
{
	pthread_t threads[5];

	for (int i = 0; i < 5; i++)
		threads[i] = start_thread(add, NULL);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	say("%d\n", counter);
}

static void *play(void *argument)
{
	int side = (int)(intptr_t)argument;

	pthread_mutex_lock(&mutex);
	while (counter < 1000) {
		if (counter % 2 == side) {
			counter++;
			pthread_cond_broadcast(&condition);
		} else {
			pthread_cond_wait(&condition, &mutex);
		}
	}
	pthread_cond_broadcast(&condition);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

CASE(condition_ping_pong)
{
	pthread_t ping = start_thread(play, (void *)0), pong = start_thread(play, (void *)1);

	pthread_join(ping, NULL);
	pthread_join(pong, NULL);
	say("%d\n", counter);
}

CASE(timed_waits)
{
	struct timespec time;
	sem_t semaphore;

	sem_init(&semaphore, 0, 0);
	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += 10000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	say_result("semaphore", sem_timedwait(&semaphore, &time));
	pthread_mutex_lock(&mutex);
	say_error("condition", pthread_cond_timedwait(&condition, &mutex, &time));
	say_error("mutex", pthread_mutex_timedlock(&mutex, &time));
	sem_post(&semaphore);
	say_result("posted", sem_timedwait(&semaphore, &time));
}

static __thread int local = 5;
static __thread char local_room[3000];

static void *use_local(void *argument)
{
	int sum = 0;

	for (size_t i = 0; i < sizeof(local_room); i++)
		sum += local_room[i];
	say("thread starts with %d and %d\n", local, sum);
	local += (int)(intptr_t)argument;
	memset(local_room, 1, sizeof(local_room));
	sched_yield();
	return (void *)(intptr_t)local;
}

CASE(thread_local_storage)
{
	void *results[2];
	pthread_t a = start_thread(use_local, (void *)10), b;

	pthread_join(a, &results[0]);
	b = start_thread(use_local, (void *)20);
	pthread_join(b, &results[1]);
	say("%d %d, main %d\n", (int)(intptr_t)results[0], (int)(intptr_t)results[1], local);
}

static void *count_up(void *argument)
{
	__atomic_fetch_add((int *)argument, 1, __ATOMIC_RELAXED);
	return NULL;
}

CASE(many_at_once)
{
	pthread_t threads[50];
	int count = 0;

	for (size_t i = 0; i < COUNT(threads); i++)
		threads[i] = start_thread(count_up, &count);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	say("%d\n", count);
}

static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_count, serial_count;

static void count_once(void)
{
	once_count++;
}

static void *meet(void *argument)
{
	for (int i = 0; i < 20; i++) {
		pthread_once(&once, count_once);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial_count, 1, __ATOMIC_RELAXED);
	}
	return argument;
}

CASE(barrier_and_once)
{
	pthread_t threads[4];

	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(meet, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	say("%d %d\n", once_count, serial_count);
}

static void *leave_process(void *argument)
{
	exit((int)(intptr_t)argument);
}

static void *pause_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *spin_for_ever(void *argument)
{
	for (;;)
		*(volatile int *)argument += 1;
	return argument;
}

static void exit_from_thread(void *argument)
{
	int spins = 0;

	(void)argument;
	start_thread(pause_for_ever, NULL);
	start_thread(spin_for_ever, &spins);
	start_thread(leave_process, (void *)9);
	pause_for_ever(NULL);
}

CASE(exit_ends_all_threads)
{
	in_child("child", exit_from_thread, NULL);
}

static void *late_exit(void *argument)
{
	sleep_ms(20);
	exit((int)(intptr_t)argument);
}

static void main_leaves(void *argument)
{
	(void)argument;
	start_thread(late_exit, (void *)6);
	pthread_exit(NULL);
}

CASE(process_outlives_its_first_thread)
{
	in_child("child", main_leaves, NULL);
}

static void *fault(void *argument)
{
	*(volatile char *)argument = 1;
	return NULL;
}

static void fault_in_thread(void *argument)
{
	(void)argument;
	start_thread(pause_for_ever, NULL);
	start_thread(fault, NULL);
	pause_for_ever(NULL);
}

CASE(fault_in_a_thread_ends_all)
{
	in_child("child", fault_in_thread, NULL);
}

static void *fork_here(void *argument)
{
	(void)argument;
	in_child("child of a thread", exit_from_thread, NULL);
	return NULL;
}

CASE(fork_from_a_thread)
{
	pthread_t thread = start_thread(fork_here, NULL);

	pthread_join(thread, NULL);
}

static void *wait_for_child(void *argument)
{
	finish_child("waited in a thread", *(pid_t *)argument);
	return NULL;
}

static void exit_three(void *argument)
{
	(void)argument;
	_exit(3);
}

CASE(any_thread_may_wait)
{
	pid_t pid = start_child(exit_three, NULL);

	pthread_join(start_thread(wait_for_child, &pid), NULL);
}

static void *cancelled(void *argument)
{
	pthread_setcanceltype((int)(intptr_t)argument, NULL);
	for (;;)
		pause();
	return NULL;
}

CASE(cancel)
{
	pthread_t thread;
	void *result;

	for (intptr_t type = 0; type < 2; type++) {
		thread = start_thread(cancelled, (void *)type);
		sleep_ms(5);
		say_error("pthread_cancel", pthread_cancel(thread));
		pthread_join(thread, &result);
		say("cancelled: %d\n", result == PTHREAD_CANCELED);
	}
}

static int key_calls;

static void forget(void *value)
{
	key_calls += (int)(intptr_t)value;
}

static void *set_key(void *argument)
{
	pthread_setspecific(*(pthread_key_t *)argument, (void *)7);
	return NULL;
}

CASE(key_destructor)
{
	pthread_key_t key;

	pthread_key_create(&key, forget);
	pthread_join(start_thread(set_key, &key), NULL);
	say("%d\n", key_calls);
}

static pid_t receiver;

static void tell_thread(int number)
{
	say("%s: receiver %d\n", signal_name(number), syscall(SYS_gettid) == receiver);
	counter++;
}

static void *receive(void *argument)
{
	receiver = syscall(SYS_gettid);
	__atomic_store_n((int *)argument, 1, __ATOMIC_SEQ_CST);
	while (counter < 3)
		sched_yield();
	return NULL;
}

CASE(signals_to_a_thread)
{
	sigset_t mask;
	int ready = 0, result;
	pthread_t thread;

	handle(SIGUSR1, tell_thread, 0);
	thread = start_thread(receive, &ready);
	wait_until(&ready, 1);
	result = syscall(SYS_tgkill, getpid(), receiver, SIGUSR1);
	wait_until((const int *)&counter, 1);
	say_result("tgkill", result);
	result = pthread_kill(thread, SIGUSR1);
	wait_until((const int *)&counter, 2);
	say_error("pthread_kill", result);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	result = kill(getpid(), SIGUSR1);
	pthread_join(thread, NULL);
	say_result("kill, blocked in the first thread", result);
	while (syscall(SYS_tgkill, getpid(), receiver, 0) == 0)
		sched_yield(); /* a joined thread may need a moment to be gone */
	say_result("to a thread that is gone", syscall(SYS_tgkill, getpid(), receiver, 0));
}

static void *look_at_mask(void *argument)
{
	sigset_t mask;
	stack_t stack;

	(void)argument;
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	sigaltstack(NULL, &stack);
	say("mask inherited %d %d, alternate stack %d\n", sigismember(&mask, SIGUSR1),
	    sigismember(&mask, SIGUSR2), stack.ss_flags != SS_DISABLE);
	return NULL;
}

CASE(new_thread_state)
{
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};

	must("sigaltstack", sigaltstack(&stack, NULL));
	block(SIGUSR1);
	pthread_join(start_thread(look_at_mask, NULL), NULL);
}

/* Every vector and x87 register of several threads and processes that share a CPU keeps its value. */
