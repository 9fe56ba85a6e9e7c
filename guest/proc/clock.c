#include "proc/clock.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "options.h"
#include "proc/process.h"
#include "proc/usage.h"

#define EPOCH_DEFAULT 946684800UL /* 2000-01-01 00:00:00 UTC */

#define CLOCK_REALTIME           0
#define CLOCK_MONOTONIC          1
#define CLOCK_PROCESS_CPUTIME_ID 2
#define CLOCK_THREAD_CPUTIME_ID  3
#define CLOCK_MONOTONIC_RAW      4
#define CLOCK_REALTIME_COARSE    5
#define CLOCK_MONOTONIC_COARSE   6
#define CLOCK_BOOTTIME           7
#define TIMER_ABSTIME            1

uint64_t tsc_hz;
uint64_t tsc_boot;

struct timespec {
	int64_t seconds;
	int64_t nanoseconds;
};

uint64_t ticks_to_ns(uint64_t ticks)
{
	return scale(ticks, NANOSECONDS, tsc_hz);
}

uint64_t ns_to_ticks(uint64_t ns)
{
	return MIN(scale(ns, tsc_hz, NANOSECONDS), UINT64_MAX / 2);
}

uint64_t clock_monotonic_ns(void)
{
	return ticks_to_ns(read_tsc() - tsc_boot);
}

static uint64_t epoch_ns(void)
{
	static uint64_t epoch;

	if (!epoch)
		epoch = option_number("epoch", EPOCH_DEFAULT) * NANOSECONDS;
	return epoch;
}

uint64_t clock_realtime_ns(void)
{
	return epoch_ns() + clock_monotonic_ns();
}

/* The clock's value in nanoseconds. 0 or -EINVAL. */
static long read_clock(int clock, uint64_t *ns)
{
	struct cpu_time time;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*ns = clock_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*ns = clock_monotonic_ns();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		time = process_time(current_process());
		break;
	case CLOCK_THREAD_CPUTIME_ID:
		time = thread_time(current_thread());
		break;
	default:
		return -EINVAL;
	}
	*ns = ticks_to_ns(time.user + time.system);
	return 0;
}

static long put_timespec(uint64_t address, uint64_t ns)
{
	struct timespec time = {(int64_t)(ns / NANOSECONDS), (int64_t)(ns % NANOSECONDS)};

	return copy_to_user(address, &time, sizeof(time));
}

/* Reads a user's timespec as nanoseconds, saturating. 0, -EFAULT or -EINVAL. */
static long get_timespec(uint64_t address, uint64_t *ns)
{
	struct timespec time;

	if (copy_from_user(&time, address, sizeof(time)))
		return -EFAULT;
	if (time.seconds < 0 || (uint64_t)time.nanoseconds >= NANOSECONDS)
		return -EINVAL;
	if ((uint64_t)time.seconds > UINT64_MAX / 2 / NANOSECONDS)
		*ns = UINT64_MAX / 2;
	else
		*ns = (uint64_t)time.seconds * NANOSECONDS + (uint64_t)time.nanoseconds;
	return 0;
}

static uint64_t deadline_in(uint64_t ns)
{
	return read_tsc() + ns_to_ticks(ns);
}

long timespec_deadline(uint64_t address, uint64_t *deadline)
{
	uint64_t ns;
	long error = get_timespec(address, &ns);

	if (!error)
		*deadline = deadline_in(ns);
	return error;
}

long timespec_absolute_deadline(uint64_t address, bool realtime, uint64_t *deadline)
{
	uint64_t ns, start = realtime ? epoch_ns() : 0;
	long error = get_timespec(address, &ns);

	if (!error)
		*deadline = tsc_boot + (ns > start ? ns_to_ticks(ns - start) : 0);
	return error;
}

long sys_clock_gettime(int clock, uint64_t address)
{
	uint64_t ns;
	long error = read_clock(clock, &ns);

	return error ? error : put_timespec(address, ns);
}

long sys_clock_getres(int clock, uint64_t address)
{
	uint64_t ns;
	long error = read_clock(clock, &ns);

	if (error || !address)
		return error;
	return put_timespec(address, 1);
}

long sys_gettimeofday(uint64_t address, uint64_t zone_address)
{
	uint64_t ns = clock_realtime_ns(), zone = 0;
	uint64_t value[2] = {ns / NANOSECONDS, ns % NANOSECONDS / 1000};

	if (address && copy_to_user(address, value, sizeof(value)))
		return -EFAULT;
	return zone_address ? copy_to_user(zone_address, &zone, sizeof(zone)) : 0;
}

long sys_time(uint64_t address)
{
	uint64_t seconds = clock_realtime_ns() / NANOSECONDS;

	if (address && put_user_u64(address, seconds))
		return -EFAULT;
	return (long)seconds;
}

/* Sleeps to restart.deadline; what is left goes to restart.remaining_address when a signal ends it. */
static long sleep(const struct restart *restart)
{
	uint64_t now;
	long error;

	while (!(error = thread_block(restart->deadline)))
		;
	if (error == -ETIMEDOUT)
		return 0;
	now = read_tsc();
	if (restart->remaining_address &&
	    put_timespec(restart->remaining_address,
	                 restart->deadline > now ? ticks_to_ns(restart->deadline - now) : 0))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

long sys_clock_nanosleep(int clock, int flags, uint64_t address, uint64_t remaining_address)
{
	struct restart *restart = &current_thread()->restart;
	long error;

	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	if (flags & TIMER_ABSTIME) {
		*restart = (struct restart){0};
		error = timespec_absolute_deadline(address, clock == CLOCK_REALTIME, &restart->deadline);
		if (!error)
			error = sleep(restart);
		return error == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : error;
	}
	restart->remaining_address = remaining_address;
	error = timespec_deadline(address, &restart->deadline);
	return error ? error : sleep(restart);
}

long sys_nanosleep(uint64_t address, uint64_t remaining_address)
{
	return sys_clock_nanosleep(CLOCK_MONOTONIC, 0, address, remaining_address);
}

long sys_restart_syscall(void)
{
	return sleep(&current_thread()->restart);
}
