/* System calls about signals. */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"
#include "proc/sched.h"
#include "proc/signal.h"

#define SIGSET_SIZE 8

static bool is_signal(int number)
{
	return number >= 1 && number <= SIGNAL_COUNT;
}

long sys_rt_sigaction(int number, uint64_t new_address, uint64_t old_address, size_t size)
{
	struct signal_action action, *slot;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (new_address && copy_from_user(&action, new_address, sizeof(action)))
		return -EFAULT;
	if (!is_signal(number) || (new_address && (number == SIGKILL || number == SIGSTOP)))
		return -EINVAL;
	slot = &current_process()->actions->action[number];
	if (old_address && copy_to_user(old_address, slot, sizeof(*slot)))
		return -EFAULT;
	if (!new_address)
		return 0;
	if (action.handler >= APPLICATION_END)
		return -EFAULT;
	action.mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	*slot = action;
	signal_discard_ignored(current_process(), number);
	return 0;
}

long sys_rt_sigprocmask(int how, uint64_t new_address, uint64_t old_address, size_t size)
{
	uint64_t old = current_thread()->signal_mask, set;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (new_address) {
		if (get_user_u64(&set, new_address))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			signal_set_mask(old | set);
			break;
		case SIG_UNBLOCK:
			signal_set_mask(old & ~set);
			break;
		case SIG_SETMASK:
			signal_set_mask(set);
			break;
		default:
			return -EINVAL;
		}
	}
	return old_address ? put_user_u64(old_address, old) : 0;
}

long sys_rt_sigpending(uint64_t address, size_t size)
{
	const struct thread *thread = current_thread();
	uint64_t set = (thread->pending.set | thread->process->pending.set) & thread->signal_mask;

	if (size > SIGSET_SIZE)
		return -EINVAL;
	return copy_to_user(address, &set, size);
}

/* Sleeps with another mask until a signal was handled, which restores the old one. */
long sys_rt_sigsuspend(uint64_t address, size_t size)
{
	uint64_t set;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user_u64(&set, address))
		return -EFAULT;
	signal_use_mask(set);
	while (thread_block(NO_DEADLINE) == 0)
		;
	return -ERESTARTNOHAND;
}

long sys_pause(void)
{
	while (thread_block(NO_DEADLINE) == 0)
		;
	return -ERESTARTNOHAND;
}

long sys_rt_sigtimedwait(uint64_t set_address, uint64_t info_address, uint64_t timeout_address, size_t size)
{
	struct thread *thread = current_thread();
	uint64_t set, deadline = NO_DEADLINE;
	struct signal_info info;
	long error = 0;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user_u64(&set, set_address))
		return -EFAULT;
	if (timeout_address && (error = timespec_deadline(timeout_address, &deadline)))
		return error;
	set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
	thread->wait_set = set;
	while (!signal_take(set, &info) && !(error = thread_block(deadline)))
		;
	thread->wait_set = 0;
	if (error == -ETIMEDOUT)
		return -EAGAIN;
	if (error)
		return error;
	if (info_address) {
		uint8_t layout[SIGINFO_SIZE];

		signal_info_to_user_layout(layout, &info);
		if (copy_to_user(info_address, layout, sizeof(layout)))
			return -EFAULT;
	}
	return info.number;
}

/* ---- kill and its relatives -------------------------------------------------------------------------------
 */

static bool may_signal(const struct process *target, int number)
{
	const struct credentials *own = &current_process()->credentials, *other = &target->credentials;

	if (number == SIGCONT && current_process()->sid == target->sid)
		return true;
	return own->euid == 0 || own->euid == other->suid || own->euid == other->uid ||
	       own->uid == other->suid || own->uid == other->uid;
}

static long send_to_process(struct process *process, int number, const struct signal_info *info)
{
	if (!may_signal(process, number))
		return -EPERM;
	return number && !process->zombie ? signal_send_process(process, info) : 0;
}

/* All processes of a group, or (group 0) all of the run but the caller. */
static long send_to_many(int group, int number, const struct signal_info *info)
{
	long result = -ESRCH;
	bool sent = false;

	list_for_each_safe (node, process_table()) {
		struct process *process = list_entry(node, struct process, table_link);

		if (!process->run || process->run != current_process()->run)
			continue;
		if (group ? process->pgid != group : process == current_process())
			continue;
		result = send_to_process(process, number, info);
		sent |= result == 0;
	}
	return sent ? 0 : result;
}

long sys_kill(int pid, int number)
{
	struct signal_info info = signal_from_current(number, SI_USER);
	struct process *process;

	if (number && !is_signal(number))
		return -EINVAL;
	if (pid == 0)
		return send_to_many(current_process()->pgid, number, &info);
	if (pid == -1)
		return send_to_many(0, number, &info);
	if (pid < 0)
		return pid == INT32_MIN ? -ESRCH : send_to_many(-pid, number, &info);
	process = process_find(pid);
	return process ? send_to_process(process, number, &info) : -ESRCH;
}

static long send_to_thread(int pid, int tid, int number)
{
	struct signal_info info = signal_from_current(number, SI_TKILL);
	struct thread *thread;

	if (tid <= 0 || (number && !is_signal(number)))
		return -EINVAL;
	thread = thread_find(tid);
	if (!thread || (pid && thread->process->pid != pid))
		return -ESRCH;
	if (!may_signal(thread->process, number))
		return -EPERM;
	return number ? signal_send_thread(thread, &info) : 0;
}

long sys_tkill(int tid, int number)
{
	return send_to_thread(0, tid, number);
}

long sys_tgkill(int pid, int tid, int number)
{
	return pid <= 0 ? -EINVAL : send_to_thread(pid, tid, number);
}

long sys_rt_sigqueueinfo(int pid, int number, uint64_t address)
{
	uint8_t layout[SIGINFO_SIZE];
	struct signal_info info = {.number = number};
	struct process *process;

	if (copy_from_user(layout, address, sizeof(layout)))
		return -EFAULT;
	memcpy(&info.code, layout + 8, sizeof(info.code));
	memcpy(info.word, layout + 16, sizeof(info.word));
	if ((info.code >= 0 || info.code == SI_TKILL) && pid != current_process()->pid)
		return -EPERM;
	process = process_find(pid);
	if (!process)
		return -ESRCH;
	if (number && !is_signal(number))
		return -EINVAL;
	return send_to_process(process, number, &info);
}
