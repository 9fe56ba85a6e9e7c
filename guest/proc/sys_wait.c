/* wait4 and waitid. */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/lifecycle.h"
#include "proc/process.h"
#include "proc/usage.h"

#define WNOHANG    1
#define WUNTRACED  2 /* also WSTOPPED */
#define WEXITED    4
#define WCONTINUED 8
#define WNOWAIT    0x01000000
#define WNOTHREAD  0x20000000
#define WALL       0x40000000
#define WCLONE     0x80000000

#define P_ALL  0
#define P_PID  1
#define P_PGID 2

struct wanted {
	int type; /* P_* */
	int id;
	unsigned options;
};

/* What a child had to tell. */
struct report {
	int pid;
	uint32_t uid;
	int status; /* as wait4 returns it */
	uint64_t user_ticks, system_ticks;
};

void process_report_stop(struct process *process, int signal)
{
	struct process *parent = process->parent;
	const struct signal_action *action;
	struct signal_info info = {
	        .number = SIGCHLD,
	        .code = signal ? CLD_STOPPED : CLD_CONTINUED,
	        .word = {(uint32_t)process->pid | (uint64_t)process->credentials.uid << 32,
	                 signal ? signal : SIGCONT},
	};

	process->stop_signal = signal;
	process->continued = !signal;
	if (!parent || !parent->actions)
		return;
	action = &parent->actions->action[SIGCHLD];
	if (!(action->flags & SA_NOCLDSTOP))
		signal_send_process(parent, &info);
	wake_all(&parent->event);
}

/* A child that ends with another signal than SIGCHLD, or with none, is a "clone" child: it is waited for on demand. */
static bool matches(const struct process *child, const struct wanted *wanted)
{
	if (!(wanted->options & WALL) && (child->exit_signal != SIGCHLD) != !!(wanted->options & WCLONE))
		return false;
	switch (wanted->type) {
	case P_PID:
		return child->pid == wanted->id;
	case P_PGID:
		return child->pgid == wanted->id;
	default:
		return true;
	}
}

/* Takes one report of `child`, if it has one that is wanted. */
static bool take_report(struct process *child, const struct wanted *wanted, struct report *report)
{
	struct process *parent = current_process();
	bool keep = wanted->options & WNOWAIT;

	*report = (struct report){
	        .pid = child->pid,
	        .uid = child->credentials.uid,
	        .user_ticks = child->user_ticks + child->child_user_ticks,
	        .system_ticks = child->system_ticks + child->child_system_ticks,
	};
	if (child->zombie && wanted->options & WEXITED) {
		report->status = child->exit_status;
		if (!keep) {
			parent->child_user_ticks += report->user_ticks;
			parent->child_system_ticks += report->system_ticks;
			process_release(child);
		}
		return true;
	}
	if (child->stop_signal && wanted->options & WUNTRACED) {
		report->status = STATUS_STOPPED(child->stop_signal);
		if (!keep)
			child->stop_signal = 0;
		return true;
	}
	if (child->continued && wanted->options & WCONTINUED) {
		report->status = STATUS_CONTINUED;
		if (!keep)
			child->continued = false;
		return true;
	}
	return false;
}

/* 1: a report; 0: none yet (WNOHANG); or -errno. */
static long wait_for(const struct wanted *wanted, struct report *report)
{
	struct process *parent = current_process();
	struct wait_entry entry;
	long result;

	wait_begin(&parent->event, &entry);
	do {
		result = -ECHILD;
		list_for_each_safe (node, &parent->children) {
			struct process *child = list_entry(node, struct process, sibling_link);

			if (!matches(child, wanted))
				continue;
			result = 0;
			if (take_report(child, wanted, report)) {
				result = 1;
				break;
			}
		}
	} while (result == 0 && !(wanted->options & WNOHANG) && !(result = thread_block(NO_DEADLINE)));
	wait_end(&entry);
	return result == -EINTR ? -ERESTARTSYS : result;
}

long sys_wait4(int pid, uint64_t status_address, unsigned options, uint64_t usage_address)
{
	struct wanted wanted = {.options = options | WEXITED};
	struct report report;
	long result;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid > 0)
		wanted.type = P_PID, wanted.id = pid;
	else if (pid != -1)
		wanted.type = P_PGID, wanted.id = pid ? -pid : current_process()->pgid;
	result = wait_for(&wanted, &report);
	if (result != 1)
		return result;
	if (status_address && put_user_u32(status_address, (uint32_t)report.status))
		return -EFAULT;
	if (usage_address && put_usage(usage_address, report.user_ticks, report.system_ticks))
		return -EFAULT;
	return report.pid;
}

static struct signal_info describe(const struct report *report)
{
	int status = report->status;
	struct signal_info info = {.number = SIGCHLD,
	                           .word = {(uint32_t)report->pid | (uint64_t)report->uid << 32}};

	if (status == STATUS_CONTINUED) {
		info.code = CLD_CONTINUED;
		info.word[1] = SIGCONT;
	} else if ((status & 0xff) == 0x7f) {
		info.code = CLD_STOPPED;
		info.word[1] = status >> 8;
	} else if (status & 0x7f) {
		info.code = CLD_KILLED;
		info.word[1] = status & 0x7f;
	} else {
		info.code = CLD_EXITED;
		info.word[1] = status >> 8;
	}
	return info;
}

long sys_waitid(int type, int id, uint64_t info_address, unsigned options, uint64_t usage_address)
{
	struct wanted wanted = {type, id, options};
	struct report report;
	uint8_t layout[SIGINFO_SIZE];
	struct signal_info info = {0};
	long result;

	if (options & ~(WNOHANG | WUNTRACED | WEXITED | WCONTINUED | WNOWAIT | WNOTHREAD | WALL | WCLONE) ||
	    !(options & (WUNTRACED | WEXITED | WCONTINUED)))
		return -EINVAL;
	if (type != P_ALL && type != P_PID && type != P_PGID)
		return -EINVAL;
	if (type == P_PID && id <= 0)
		return -EINVAL;
	if (type == P_PGID && id < 0)
		return -EINVAL;
	if (type == P_PGID && id == 0)
		wanted.id = current_process()->pgid;
	result = wait_for(&wanted, &report);
	if (result < 0)
		return result;
	if (result == 1)
		info = describe(&report);
	if (result == 1 && usage_address && put_usage(usage_address, report.user_ticks, report.system_ticks))
		return -EFAULT;
	if (!info_address)
		return 0;
	signal_info_to_user_layout(layout, &info);
	return copy_to_user(info_address, layout, sizeof(layout));
}
