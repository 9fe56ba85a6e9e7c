#include "native/watchpoint.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each stays open to the end of the run: with it those that children have inherited would go. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

long watchpoint_open(pid_t process, uint64_t address)
{
	struct perf_event_attr attribute;

	memset(&attribute, 0, sizeof(attribute));
	attribute.type = PERF_TYPE_BREAKPOINT;
	attribute.size = sizeof(attribute);
	attribute.sample_period = 1;
	attribute.inherit = 1;
	attribute.exclude_kernel = 1;
	attribute.exclude_hv = 1;
	attribute.remove_on_exec = 1;
	attribute.sigtrap = 1;
	attribute.bp_type = HW_BREAKPOINT_X;
	attribute.bp_addr = address;
	attribute.bp_len = sizeof(long);
	allow_descriptors();
	return syscall(SYS_perf_event_open, &attribute, process, -1, -1, PERF_FLAG_FD_CLOEXEC) < 0 ? -errno
	                                                                                           : 0;
}
