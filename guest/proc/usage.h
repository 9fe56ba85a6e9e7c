/* CPU time of threads and processes, in ticks, and the forms in which programs read it. */
#ifndef GUEST_PROC_USAGE_H
#define GUEST_PROC_USAGE_H

#include "proc/process.h"

struct cpu_time {
	uint64_t user, system; /* ticks */
};

struct cpu_time thread_time(struct thread *thread);
struct cpu_time process_time(struct process *process); /* threads alive and gone */

/* Writes a struct rusage with these times and zeroes. 0 or -EFAULT. */
long put_usage(uint64_t address, uint64_t user_ticks, uint64_t system_ticks);

#endif
