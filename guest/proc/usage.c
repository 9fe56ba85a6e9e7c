#include "proc/usage.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/sched.h"

#define RUSAGE_SELF     0
#define RUSAGE_CHILDREN (-1)
#define RUSAGE_THREAD   1

#define CLOCK_TICKS_HZ 100 /* of times(2) */

struct timeval {
	int64_t seconds;
	int64_t microseconds;
};

struct usage {
	struct timeval user, system;
	int64_t unused[14];
};

struct cpu_time thread_time(struct thread *thread)
{
	if (thread == current_thread())
		account_update();
	return (struct cpu_time){thread->user_ticks, thread->system_ticks};
}

struct cpu_time process_time(struct process *process)
{
	struct cpu_time sum = {process->user_ticks, process->system_ticks};

	list_for_each (node, &process->threads) {
		struct cpu_time time = thread_time(list_entry(node, struct thread, process_link));

		sum.user += time.user;
		sum.system += time.system;
	}
	return sum;
}

static struct timeval to_timeval(uint64_t ticks)
{
	uint64_t microseconds = ticks_to_ns(ticks) / 1000;

	return (struct timeval){(int64_t)(microseconds / 1000000), (int64_t)(microseconds % 1000000)};
}

long put_usage(uint64_t address, uint64_t user_ticks, uint64_t system_ticks)
{
	struct usage usage = {.user = to_timeval(user_ticks), .system = to_timeval(system_ticks)};

	return copy_to_user(address, &usage, sizeof(usage));
}

long sys_getrusage(int who, uint64_t address)
{
	struct process *process = current_process();
	struct cpu_time time;

	switch (who) {
	case RUSAGE_SELF:
		time = process_time(process);
		break;
	case RUSAGE_CHILDREN:
		time = (struct cpu_time){process->child_user_ticks, process->child_system_ticks};
		break;
	case RUSAGE_THREAD:
		time = thread_time(current_thread());
		break;
	default:
		return -EINVAL;
	}
	return put_usage(address, time.user, time.system);
}

static uint64_t to_clock_ticks(uint64_t ticks)
{
	return ticks_to_ns(ticks) / (NANOSECONDS / CLOCK_TICKS_HZ);
}

long sys_times(uint64_t address)
{
	struct process *process = current_process();
	struct cpu_time time = process_time(process);
	uint64_t times[4] = {to_clock_ticks(time.user), to_clock_ticks(time.system),
	                     to_clock_ticks(process->child_user_ticks),
	                     to_clock_ticks(process->child_system_ticks)};

	if (address && copy_to_user(address, times, sizeof(times)))
		return -EFAULT;
	return (long)(clock_monotonic_ns() / (NANOSECONDS / CLOCK_TICKS_HZ));
}
