/* The machine as programs see it, and what is particular to x86-64. */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"
#include "random.h"
#include "x86/cpu.h"

#define UTS_FIELD 65

#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

#define PR_SET_NAME 15
#define PR_GET_NAME 16

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4

struct utsname {
	char system[UTS_FIELD], node[UTS_FIELD], release[UTS_FIELD], version[UTS_FIELD], machine[UTS_FIELD],
	        domain[UTS_FIELD];
};

struct sysinfo {
	int64_t uptime;
	uint64_t loads[3];
	uint64_t total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
	uint16_t processes, padding;
	uint64_t total_high, free_high;
	uint32_t memory_unit;
	uint32_t padding2;
};

/* The release says which Linux interface this is: glibc refuses to start below 3.2.0. */
long sys_uname(uint64_t address)
{
	static const struct utsname name = {.system = "Linux",
	                                    .node = "portcullis",
	                                    .release = "6.1.0-portcullis",
	                                    .version = "#1",
	                                    .machine = "x86_64",
	                                    .domain = "(none)"};

	return copy_to_user(address, &name, sizeof(name));
}

long sys_sysinfo(uint64_t address)
{
	struct sysinfo info = {
	        .uptime = (int64_t)(clock_monotonic_ns() / NANOSECONDS),
	        .total_ram = frame_total_count() * PAGE_SIZE,
	        .free_ram = frame_free_count() * PAGE_SIZE,
	        .memory_unit = 1,
	};

	list_for_each (node, process_table())
		info.processes++;
	return copy_to_user(address, &info, sizeof(info));
}

long sys_getrandom(uint64_t address, size_t size, unsigned flags)
{
	uint8_t bytes[256];
	size_t done = 0;

	if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < size) {
		size_t part = MIN(size - done, sizeof(bytes));

		random_bytes(bytes, part);
		if (copy_to_user(address + done, bytes, part))
			return done ? (long)done : -EFAULT;
		done += part;
	}
	return (long)done;
}

/* GS belongs to the kernel: its base leads to the thread's gate data. */
long sys_arch_prctl(int code, uint64_t address)
{
	struct thread *thread = current_thread();

	switch (code) {
	case ARCH_SET_FS:
		if (address >= thread->user_limit)
			return -EPERM;
		thread->fs_base = address;
		write_msr(MSR_FS_BASE, address);
		return 0;
	case ARCH_GET_FS:
		return put_user_u64(address, thread->fs_base);
	case ARCH_SET_GS:
		return -EPERM;
	case ARCH_GET_GS:
		return put_user_u64(address, thread->gs_base);
	default:
		return -EINVAL;
	}
}

long sys_prctl(int option, uint64_t argument)
{
	struct process *process = current_process();
	char name[COMM_SIZE];
	long length;

	switch (option) {
	case PR_SET_NAME:
		length = copy_string_from_user(name, argument, sizeof(name));
		if (length == -EFAULT)
			return length;
		name[COMM_SIZE - 1] = '\0';
		memcpy(process->comm, name, sizeof(name));
		return 0;
	case PR_GET_NAME:
		return copy_to_user(argument, process->comm, sizeof(process->comm));
	default:
		return -EINVAL;
	}
}

long sys_sched_getaffinity(int pid, size_t size, uint64_t address)
{
	uint64_t mask = 1;

	if (pid && !thread_find(pid))
		return -ESRCH;
	if (size < sizeof(mask) || size % sizeof(mask))
		return -EINVAL;
	return copy_to_user(address, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

long sys_sched_setaffinity(int pid, size_t size, uint64_t address)
{
	uint64_t mask = 0;

	if (pid && !thread_find(pid))
		return -ESRCH;
	if (copy_from_user(&mask, address, MIN(size, sizeof(mask))))
		return -EFAULT;
	return mask & 1 ? 0 : -EINVAL;
}
