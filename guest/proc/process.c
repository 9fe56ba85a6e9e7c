#include "proc/process.h"

#include "domain/domain.h"
#include "domain/switch.h"
#include "domain/upcall.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "plan/run.h"
#include "proc/futex.h"
#include "proc/itimer.h"
#include "proc/lifecycle.h"
#include "proc/rlimit.h"
#include "proc/sched.h"

static struct list table = LIST_INIT(table);
static struct process *init_process; /* the first one: adopts orphans */

struct list *process_table(void)
{
	return &table;
}

struct process *process_find(int pid)
{
	list_for_each (node, &table) {
		struct process *process = list_entry(node, struct process, table_link);

		if (process->pid == pid)
			return process;
	}
	return NULL;
}

struct thread *thread_find(int tid)
{
	list_for_each (node, &table) {
		struct process *process = list_entry(node, struct process, table_link);

		list_for_each (inner, &process->threads) {
			struct thread *thread = list_entry(inner, struct thread, process_link);

			if (thread->tid == tid)
				return thread;
		}
	}
	return NULL;
}

bool process_group_exists(int pgid)
{
	list_for_each (node, &table) {
		struct process *process = list_entry(node, struct process, table_link);

		if (process->pgid == pgid || process->sid == pgid)
			return true;
	}
	return false;
}

struct process *process_create(struct process *parent)
{
	struct process *process = kzalloc(sizeof(*process));

	if (!process)
		return NULL;
	process->references = 1;
	process->parent = parent;
	process->exit_signal = SIGCHLD;
	list_init(&process->children);
	list_init(&process->sibling_link);
	list_init(&process->threads);
	wait_queue_init(&process->event);
	signal_pending_init(&process->pending);
	itimers_init(process);
	rlimits_init(process, parent);
	if (parent) {
		process->pgid = parent->pgid;
		process->sid = parent->sid;
		process->credentials = parent->credentials;
		process->run = parent->run;
		memcpy(process->comm, parent->comm, sizeof(process->comm));
		list_add_tail(&parent->children, &process->sibling_link);
	} else {
		init_process = process;
	}
	list_add_tail(&table, &process->table_link);
	if (process->run)
		process->run->processes++;
	return process;
}

void process_set_executable(struct process *process, struct inode *inode)
{
	struct inode *old = process->executable;

	if (inode) {
		inode_get(inode);
		inode->executions++;
	}
	process->executable = inode;
	if (old) {
		old->executions--;
		inode_put(old);
	}
}

void process_get(struct process *process)
{
	process->references++;
}

void process_put(struct process *process)
{
	if (--process->references == 0)
		kfree(process);
}

/* ---- the end ----------------------------------------------------------------------------------------------
 */

void process_release(struct process *process)
{
	run_process_gone(process);
	list_remove(&process->table_link);
	list_remove(&process->sibling_link);
	process_put(process);
}

static void release_resources(struct process *process)
{
	itimers_stop(process);
	if (process->space) {
		struct space *space = process->space;

		process->space = NULL;
		space_switch(NULL);
		space_put(space);
	}
	if (process->files)
		fd_table_put(process->files);
	if (process->fs)
		fs_context_put(process->fs);
	process_set_executable(process, NULL);
	process->files = NULL;
	process->fs = NULL;
}

static void reparent_children(struct process *process)
{
	list_for_each_safe (node, &process->children) {
		struct process *child = list_entry(node, struct process, sibling_link);

		child->parent = init_process;
		child->exit_signal = SIGCHLD;
		list_remove(&child->sibling_link);
		list_add_tail(&init_process->children, &child->sibling_link);
		if (child->zombie)
			process_release(child);
	}
}

/* Tells the parent; true when nobody will wait for this process. */
static bool notify_parent(struct process *process)
{
	struct process *parent = process->parent;
	const struct signal_action *action;
	int status = process->exit_status;
	struct signal_info info = {
	        .number = process->exit_signal,
	        .code = status & 0x7f ? CLD_KILLED : CLD_EXITED,
	        .word = {(uint32_t)process->pid | (uint64_t)process->credentials.uid << 32,
	                 status & 0x7f ? status & 0x7f : status >> 8},
	};
	bool ignored;

	if (parent == init_process)
		return true;
	action = &parent->actions->action[SIGCHLD];
	ignored = process->exit_signal == SIGCHLD &&
	          (action->handler == SIG_IGN || action->flags & SA_NOCLDWAIT);
	if (process->exit_signal && !(ignored && action->handler == SIG_IGN))
		signal_send_process(parent, &info);
	return ignored;
}

void process_vfork_done(struct process *process)
{
	if (!process->vfork_child)
		return;
	process->vfork_child = false;
	wake_all(&process->event);
}

static void process_finish(struct process *process)
{
	bool unwanted;

	process->exiting = true;
	release_resources(process);
	process_vfork_done(process);
	reparent_children(process);
	signal_pending_clear(&process->pending);
	process->zombie = true;
	unwanted = notify_parent(process);
	wake_all(&process->parent->event);
	signal_actions_put(process->actions);
	process->actions = NULL;
	if (unwanted)
		process_release(process);
}

void thread_exit(int status)
{
	struct thread *thread = current_thread();
	struct process *process = thread->process;

	if (upcall_is_active())
		upcall_abort(); /* which does not end the thread: its caller's turn is next */
	domain_abandon(); /* the kernel is about to write where the application has asked it to */
	if (process->thread_count == 1)
		domain_leave_all();
	futex_thread_exit(thread);
	account_update();
	process->user_ticks += thread->user_ticks;
	process->system_ticks += thread->system_ticks;
	thread->user_ticks = thread->system_ticks = 0;
	signal_pending_clear(&thread->pending);
	domain_thread_gone(thread);
	list_remove(&thread->process_link);
	if (thread->tid == process->pid && !process->exiting)
		process->exit_status = status; /* the first thread's, whichever is the last */
	if (--process->thread_count == 0)
		process_finish(process);
	else
		wake_all(&process->event); /* an exec may wait for its siblings */
	thread_retire();
}

void process_start_exit(struct process *process, int status)
{
	if (process->exiting)
		return;
	process->exiting = true;
	process->exit_status = status;
	list_for_each (node, &process->threads)
		thread_wake(list_entry(node, struct thread, process_link));
}

void process_exit(int status)
{
	struct process *process = current_process();

	process_start_exit(process, status);
	thread_exit(process->exit_status);
}

long sys_exit(int code)
{
	thread_exit(STATUS_EXITED(code));
}

long sys_exit_group(int code)
{
	process_exit(STATUS_EXITED(code));
}
