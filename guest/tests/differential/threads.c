/* Threads: creation, exit, futexes, thread-directed signals, thread-local storage, register state across
 * switches. */
#include "case.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define SUBJECT "threads"
#define BAD     ((void *)8)

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

static pthread_t start(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, argument);

	if (error) {
		say_error("pthread_create", error);
		_exit(97);
	}
	return thread;
}

static void *twice(void *argument)
{
	return (void *)((intptr_t)argument * 2);
}

CASE(create_and_join)
{
	void *result;

	for (intptr_t i = 1; i <= 5; i++) {
		pthread_join(start(twice, (void *)i), &result);
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

	pthread_join(start(identify, &self), NULL);
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
		threads[i] = start(add, NULL);
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
	pthread_t ping = start(play, (void *)0), pong = start(play, (void *)1);

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
	pthread_t a = start(use_local, (void *)10), b;

	pthread_join(a, &results[0]);
	b = start(use_local, (void *)20);
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
		threads[i] = start(count_up, &count);
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
		threads[i] = start(meet, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	say("%d %d\n", once_count, serial_count);
}

static void *leave_process(void *argument)
{
	exit((int)(intptr_t)argument);
}

static void *wait_for_ever(void *argument)
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
	start(wait_for_ever, NULL);
	start(spin_for_ever, &spins);
	start(leave_process, (void *)9);
	wait_for_ever(NULL);
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
	start(late_exit, (void *)6);
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
	start(wait_for_ever, NULL);
	start(fault, NULL);
	wait_for_ever(NULL);
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
	pthread_t thread = start(fork_here, NULL);

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

	pthread_join(start(wait_for_child, &pid), NULL);
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
		thread = start(cancelled, (void *)type);
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
	pthread_join(start(set_key, &key), NULL);
	say("%d\n", key_calls);
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

static void wait_until(const int *value, int wanted)
{
	while (__atomic_load_n(value, __ATOMIC_SEQ_CST) < wanted)
		sched_yield();
}

CASE(futex_wakes_as_many_as_asked)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		threads[i] = start(wait_at_gate, NULL);
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
		threads[i] = start(wait_at_gate, NULL);
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
	pthread_t one = start(wait_with_bits, (void *)1), two = start(wait_with_bits, (void *)2);
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

static void count_signal(int number)
{
	(void)number;
	counter++;
}

CASE(futex_interrupted)
{
	struct itimerval timer = {{0, 10000}, {0, 10000}};
	uint32_t word = 0;

	handle(SIGALRM, count_signal, 0);
	must("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
	say_result("wait", futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
	handle(SIGALRM, count_signal, SA_RESTART);
	say_result("wait, restarting", futex(&word, FUTEX_WAIT, 0, &(struct timespec){1000, 0}, NULL, 0));
	say("handled %d\n", counter >= 2);
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
	thread = start(receive, &ready);
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
	pthread_join(start(look_at_mask, NULL), NULL);
}

/* Every vector and x87 register of several threads and processes that share a CPU keeps its value. */
static bool has_avx(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	return (c & (1u << 28)) && (c & (1u << 27));
}

static int vector_wrong(uint64_t seed, bool avx)
{
	uint64_t in[4] = {seed, ~seed, seed * 3, seed * 5}, out[8] = {0};
	double x87 = (double)seed, back = 0;

	if (avx)
		__asm__ volatile("vmovdqu %2, %%ymm1; vmovdqu %2, %%ymm14; fldl %3; mov $100000, %%ecx; 1: "
		                 "dec %%ecx; jnz 1b;"
		                 "vmovdqu %%ymm1, %0; vmovdqu %%ymm14, %1; fstpl %4; vzeroupper"
		                 : "=m"(*(uint64_t(*)[4])out), "=m"(*(uint64_t(*)[4])(out + 4))
		                 : "m"(in), "m"(x87), "m"(back)
		                 : "ecx", "xmm1", "xmm14", "memory");
	else
		__asm__ volatile("movdqu %2, %%xmm1; movdqu %2, %%xmm14; fldl %3; mov $100000, %%ecx; 1: dec "
		                 "%%ecx; jnz 1b;"
		                 "movdqu %%xmm1, %0; movdqu %%xmm14, %1; fstpl %4"
		                 : "=m"(*(uint64_t(*)[4])out), "=m"(*(uint64_t(*)[4])(out + 4))
		                 : "m"(in), "m"(x87), "m"(back)
		                 : "ecx", "xmm1", "xmm14", "memory");
	return memcmp(in, out, avx ? 32 : 16) != 0 || memcmp(in, out + 4, avx ? 32 : 16) != 0 || x87 != back;
}

static void *keep_vectors(void *argument)
{
	uint64_t seed = (uint64_t)(uintptr_t)argument * 0x123456789abcdefUL;
	bool avx = has_avx();
	intptr_t wrong = 0;

	for (int i = 0; i < 30; i++) {
		wrong += vector_wrong(seed + i, avx);
		if (i % 10 == 0)
			sched_yield();
	}
	return (void *)wrong;
}

static void keep_vectors_in_child(void *argument)
{
	_exit(keep_vectors(argument) != NULL);
}

CASE(vector_registers_across_switches)
{
	pthread_t threads[3];
	intptr_t wrong = 0;
	void *result;
	pid_t pid = start_child(keep_vectors_in_child, (void *)9);

	for (uintptr_t i = 0; i < 3; i++)
		threads[i] = start(keep_vectors, (void *)(i + 1));
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &result);
		wrong += (intptr_t)result;
	}
	say("%d wrong\n", (int)wrong);
	finish_child("child", pid);
}

static void clobber_vectors(int number)
{
	(void)number;
	counter++;
	if (has_avx())
		__asm__ volatile("vpcmpeqd %%xmm1, %%xmm1, %%xmm1; vinsertf128 $1, %%xmm1, %%ymm1, %%ymm1;"
		                 "vmovaps %%ymm1, %%ymm14; vzeroall; fninit"
		                 :
		                 :
		                 : "xmm1", "xmm14");
	else
		__asm__ volatile("pcmpeqd %%xmm1, %%xmm1; movaps %%xmm1, %%xmm14; fninit"
		                 :
		                 :
		                 : "xmm1", "xmm14");
}

CASE(vector_registers_across_signals)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}};
	int wrong = 0;
	bool avx = has_avx();

	handle(SIGALRM, clobber_vectors, 0);
	must("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
	for (uint64_t i = 1; counter < 20; i++)
		wrong += vector_wrong(i * 0x987654321, avx);
	say("%d wrong\n", wrong);
}

static void check_inherited(void *argument)
{
	uint64_t value;
	uint32_t mxcsr;

	(void)argument;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("mov $0x1f80, %%eax; push %%rax; ldmxcsr (%%rsp); pop %%rax" : "=a"(value));
	say("child: mxcsr %x\n", mxcsr);
}

CASE(floating_point_state_after_fork)
{
	uint32_t mxcsr = 0x9fc0;
	uint64_t xmm = 0x1122334455667788, pid;
	int status;

	__asm__ volatile("movq %2, %%xmm9; mov $57, %%eax; syscall; movq %%xmm9, %1" /* fork */
	                 : "=&a"(pid), "+m"(xmm)
	                 : "r"(xmm)
	                 : "rcx", "r11", "xmm9", "memory");
	if (pid == 0)
		_exit(xmm == 0x1122334455667788 ? 0 : 1);
	say("parent: %lx\n", (unsigned long)xmm);
	waitpid((pid_t)pid, &status, 0);
	say_status("child", status);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	in_child("child", check_inherited, NULL);
}
