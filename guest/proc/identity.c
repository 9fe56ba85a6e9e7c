/* Who a process is: ids, users and groups, process groups and sessions. */
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/process.h"

long sys_getpid(void)
{
	return current_process()->pid;
}

long sys_gettid(void)
{
	return current_thread()->tid;
}

long sys_getppid(void)
{
	return current_process()->parent->pid;
}

/* ---- users and groups -------------------------------------------------------------------------------------
 */

long sys_getuid(void)
{
	return current_process()->credentials.uid;
}

long sys_geteuid(void)
{
	return current_process()->credentials.euid;
}

long sys_getgid(void)
{
	return current_process()->credentials.gid;
}

long sys_getegid(void)
{
	return current_process()->credentials.egid;
}

long sys_setuid(uint32_t uid)
{
	struct credentials *own = &current_process()->credentials;

	if (uid == UINT32_MAX)
		return -EINVAL;
	if (own->euid == 0)
		own->uid = own->suid = uid;
	else if (uid != own->uid && uid != own->suid)
		return -EPERM;
	own->euid = uid;
	return 0;
}

long sys_setgid(uint32_t gid)
{
	struct credentials *own = &current_process()->credentials;

	if (gid == UINT32_MAX)
		return -EINVAL;
	if (own->euid == 0)
		own->gid = own->sgid = gid;
	else if (gid != own->gid && gid != own->sgid)
		return -EPERM;
	own->egid = gid;
	return 0;
}

/* -1 leaves a value as it is; an ordinary user may only exchange the three that it has. */
static bool may_become(const uint32_t *own, uint32_t id)
{
	return id == UINT32_MAX || id == own[0] || id == own[1] || id == own[2];
}

static long set_three(uint32_t *own, uint32_t real, uint32_t effective, uint32_t saved)
{
	if (current_process()->credentials.euid &&
	    !(may_become(own, real) && may_become(own, effective) && may_become(own, saved)))
		return -EPERM;
	if (real != UINT32_MAX)
		own[0] = real;
	if (effective != UINT32_MAX)
		own[1] = effective;
	if (saved != UINT32_MAX)
		own[2] = saved;
	return 0;
}

static long put_three(const uint32_t *own, uint64_t real, uint64_t effective, uint64_t saved)
{
	if (put_user_u32(real, own[0]) || put_user_u32(effective, own[1]) || put_user_u32(saved, own[2]))
		return -EFAULT;
	return 0;
}

long sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved)
{
	return set_three(&current_process()->credentials.uid, real, effective, saved);
}

long sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved)
{
	return set_three(&current_process()->credentials.gid, real, effective, saved);
}

long sys_getresuid(uint64_t real, uint64_t effective, uint64_t saved)
{
	return put_three(&current_process()->credentials.uid, real, effective, saved);
}

long sys_getresgid(uint64_t real, uint64_t effective, uint64_t saved)
{
	return put_three(&current_process()->credentials.gid, real, effective, saved);
}

/* There are no supplementary groups. */
long sys_getgroups(int size)
{
	return size < 0 ? -EINVAL : 0;
}

/* ---- process groups and sessions --------------------------------------------------------------------------
 */

long sys_getpgid(int pid)
{
	const struct process *process = pid ? process_find(pid) : current_process();

	return process ? process->pgid : -ESRCH;
}

long sys_getpgrp(void)
{
	return current_process()->pgid;
}

long sys_getsid(int pid)
{
	const struct process *process = pid ? process_find(pid) : current_process();

	return process ? process->sid : -ESRCH;
}

static bool group_in_session(int pgid, int sid)
{
	list_for_each (node, process_table()) {
		const struct process *process = list_entry(node, struct process, table_link);

		if (process->pgid == pgid && process->sid == sid)
			return true;
	}
	return false;
}

long sys_setpgid(int pid, int pgid)
{
	struct process *self = current_process(), *process = pid ? process_find(pid) : self;

	if (pgid < 0)
		return -EINVAL;
	if (!process || (process != self && process->parent != self))
		return -ESRCH;
	if (process != self && process->sid != self->sid)
		return -EPERM;
	if (process != self && process->executed)
		return -EACCES;
	if (process->sid == process->pid)
		return -EPERM;
	if (!pgid)
		pgid = process->pid;
	if (pgid != process->pid && !group_in_session(pgid, self->sid))
		return -EPERM;
	process->pgid = pgid;
	return 0;
}

long sys_setsid(void)
{
	struct process *self = current_process();

	if (process_group_exists(self->pid) &&
	    (self->pgid == self->pid || group_in_session(self->pid, self->sid)))
		return -EPERM;
	self->sid = self->pgid = self->pid;
	return self->sid;
}
