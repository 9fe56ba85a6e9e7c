#include "proc/rlimit.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/process.h"

#define RLIMIT_STACK  3
#define RLIMIT_CORE   4
#define RLIMIT_AS     9
#define RLIM_INFINITY UINT64_MAX

void rlimits_apply(const struct process *process, struct space *space)
{
	space->size_limit = process->soft_limits[RLIMIT_AS];
}

void rlimits_init(struct process *process, const struct process *parent)
{
	for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
		process->soft_limits[i] = parent ? parent->soft_limits[i] : RLIM_INFINITY;
		process->hard_limits[i] = parent ? parent->hard_limits[i] : RLIM_INFINITY;
	}
	if (parent)
		return;
	process->soft_limits[RLIMIT_STACK] = 8UL << 20;
	process->soft_limits[RLIMIT_CORE] = 0;
	process->soft_limits[RLIMIT_NOFILE] = process->hard_limits[RLIMIT_NOFILE] = OPEN_MAX;
}

static long set_limit(struct process *process, unsigned resource, uint64_t soft, uint64_t hard)
{
	if (soft > hard)
		return -EINVAL;
	if (hard > process->hard_limits[resource] && current_process()->credentials.euid)
		return -EPERM;
	if (resource == RLIMIT_NOFILE && hard > OPEN_MAX)
		return -EPERM;
	process->soft_limits[resource] = soft;
	process->hard_limits[resource] = hard;
	if (process->space)
		rlimits_apply(process, process->space);
	return 0;
}

long sys_prlimit64(int pid, unsigned resource, uint64_t new_address, uint64_t old_address)
{
	struct process *process = pid ? process_find(pid) : current_process();
	uint64_t new[2], old[2];
	long error;

	if (resource >= RLIMIT_COUNT)
		return -EINVAL;
	if (new_address && copy_from_user(new, new_address, sizeof(new)))
		return -EFAULT;
	if (!process)
		return -ESRCH;
	if (process->credentials.uid != current_process()->credentials.uid &&
	    current_process()->credentials.euid)
		return -EPERM;
	old[0] = process->soft_limits[resource];
	old[1] = process->hard_limits[resource];
	if (new_address && (error = set_limit(process, resource, new[0], new[1])))
		return error;
	return old_address ? copy_to_user(old_address, old, sizeof(old)) : 0;
}

long sys_getrlimit(unsigned resource, uint64_t address)
{
	return resource < RLIMIT_COUNT && !address ? -EFAULT : sys_prlimit64(0, resource, 0, address);
}

long sys_setrlimit(unsigned resource, uint64_t address)
{
	return !address ? -EFAULT : sys_prlimit64(0, resource, address, 0);
}
