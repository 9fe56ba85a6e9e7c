#include "native/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <string.h>

#include "native/native.h"

#define FLAG_RESUME 0x10000 /* RFLAGS.RF (SDM vol. 3B, 17.3.1.1) */

static struct {
	uint64_t at, behind;
	enum stray_kind kind;
} watches[WATCHES_MAX];
static unsigned count;

/* Threads that exist would not inherit a watchpoint. The kernel knows whether there are any: unshare(2). */
static bool is_alone(void)
{
	return native_call(SYS_unshare, CLONE_VM, 0, 0, 0, 0, 0) == 0;
}

static long open_event(uint64_t address)
{
	struct perf_event_attr attribute;
	long file, moved;

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
	file = native_call(SYS_perf_event_open, (long)&attribute, 0, -1, -1, PERF_FLAG_FD_CLOEXEC, 0);
	if (file < 0)
		return file;
	moved = native_call(SYS_fcntl, file, F_DUPFD_CLOEXEC, NATIVE_DESCRIPTORS, 0, 0, 0);
	native_call(SYS_close, file, 0, 0, 0, 0, 0);
	return moved < 0 ? -EMFILE : moved; /* RLIMIT_NOFILE leaves the runtime none */
}

long watch_add(enum stray_kind kind, uint64_t at, uint64_t behind)
{
	long file;

	for (unsigned i = 0; i < count; i++)
		if (watches[i].behind == behind)
			return 0; /* the same instruction with fewer prefixes */
	if (count == WATCHES_MAX)
		return -ENOSPC;
	if (!is_alone())
		return -EBUSY;
	file = open_event(behind);
	if (file < 0)
		return file == -EINVAL || file == -E2BIG ? -ENOSYS : file == -EPERM ? -EACCES : file;
	watches[count].kind = kind;
	watches[count].at = at;
	watches[count++].behind = behind;
	return 0;
}

void watch_hit(struct monitor_frame *frame, const void *rights)
{
	uint64_t instruction = (uint64_t)frame->registers[REG_RIP];
	uint32_t value;

	memcpy(&value, rights, sizeof(value));
	for (unsigned i = 0; i < count; i++) {
		if (watches[i].behind != instruction)
			continue;
		if ((value & NATIVE_PKRU) != NATIVE_PKRU)
			monitor_kill(watches[i].kind == STRAY_WRPKRU ? "portcullis: stray WRPKRU"
			                                             : "portcullis: stray XRSTOR",
			             watches[i].at);
		frame->registers[REG_EFL] |= FLAG_RESUME; /* or it would be met again */
	}
}
