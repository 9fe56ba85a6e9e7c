#include "subject.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "portcullis/library.h"

#define CALL(number, a, b, c) portcullis_system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static int initialised;
static long counter;
static uint64_t departed;
static struct portcullis_lock lock;

int subject_init(void);
void subject_teardown(const struct portcullis_client *client);

int subject_init(void)
{
	initialised++;
	return 0;
}

void subject_teardown(const struct portcullis_client *client)
{
	departed = client->id;
}

long subject_initialised(void)
{
	return initialised;
}

long subject_add(long amount)
{
	return __atomic_add_fetch(&counter, amount, __ATOMIC_RELAXED);
}

long subject_add_slowly(void)
{
	long value;

	portcullis_lock(&lock);
	value = counter;
	CALL(SYS_sched_yield, 0, 0, 0);
	counter = ++value;
	portcullis_unlock(&lock);
	return value;
}

uint64_t subject_client(void)
{
	return portcullis_client()->id;
}

uint64_t subject_departed(void)
{
	return departed;
}

void *subject_allocate(size_t size)
{
	return portcullis_alloc(size);
}

long subject_release(void *memory)
{
	if (!portcullis_in_domain(memory, 1))
		return -EINVAL;
	portcullis_free(memory);
	return 0;
}

long subject_recurse(long depth)
{
	volatile char frame[1024];

	frame[depth % 1024] = 1;
	return depth ? subject_recurse(depth - 1) + frame[depth % 1024] : 0;
}

long subject_getpid(void)
{
	return CALL(SYS_getpid, 0, 0, 0);
}

long subject_write(int fd, const void *from, size_t size)
{
	char copy[64];

	if (size > sizeof(copy))
		return -EINVAL;
	if (portcullis_copy_in(copy, from, size))
		return -EFAULT;
	return CALL(SYS_write, fd, copy, size);
}

long subject_wait(int ready, int fd)
{
	char byte = 1;

	CALL(SYS_write, ready, &byte, 1);
	return CALL(SYS_read, fd, &byte, 1);
}

static void arm_timer(long microseconds)
{
	struct itimerval timer = {.it_value.tv_usec = microseconds};

	CALL(SYS_setitimer, ITIMER_REAL, &timer, 0);
}

long subject_read_until_timer(int fd, long microseconds)
{
	char byte;

	arm_timer(microseconds);
	return CALL(SYS_read, fd, &byte, 1);
}

static long now(void)
{
	struct timespec time;

	CALL(SYS_clock_gettime, CLOCK_MONOTONIC, &time, 0);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static long read_int(const int *from)
{
	int value;

	return portcullis_copy_in(&value, from, sizeof(value)) ? -EFAULT : value;
}

long subject_work_until_timer(long microseconds, int *seen)
{
	long end = now() + 3 * microseconds;

	arm_timer(microseconds);
	while (now() < end)
		for (volatile int i = 0; i < 100; i++)
			;
	return read_int(seen);
}

long subject_execute(const char *path)
{
	char copy[64];
	char *arguments[] = {copy, NULL};
	long length = portcullis_copy_in_string(copy, path, sizeof(copy));

	return length < 0 ? length : CALL(SYS_execve, copy, arguments, &arguments[1]);
}

long subject_signal(int number, int *seen)
{
	CALL(SYS_kill, CALL(SYS_getpid, 0, 0, 0), number, 0);
	CALL(SYS_sched_yield, 0, 0, 0);
	for (volatile int i = 0; i < 1000; i++)
		;
	return read_int(seen);
}

long subject_signal_and_add(int number)
{
	CALL(SYS_kill, CALL(SYS_getpid, 0, 0, 0), number, 0);
	CALL(SYS_sched_yield, 0, 0, 0);
	return subject_add(1);
}
