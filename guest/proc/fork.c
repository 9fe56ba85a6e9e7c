/* fork, vfork, clone. */
#include "domain/domain.h"
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/lifecycle.h"
#include "proc/process.h"
#include "proc/sched.h"
#include "x86/fpu.h"

/* Linux, include/uapi/linux/sched.h. */
#define CSIGNAL              0x000000ffUL
#define CLONE_VM             0x00000100UL
#define CLONE_FS             0x00000200UL
#define CLONE_FILES          0x00000400UL
#define CLONE_SIGHAND        0x00000800UL
#define CLONE_VFORK          0x00004000UL
#define CLONE_THREAD         0x00010000UL
#define CLONE_SYSVSEM        0x00040000UL
#define CLONE_SETTLS         0x00080000UL
#define CLONE_PARENT_SETTID  0x00100000UL
#define CLONE_CHILD_CLEARTID 0x00200000UL
#define CLONE_DETACHED       0x00400000UL
#define CLONE_CHILD_SETTID   0x01000000UL
#define CLONE_KNOWN                                                                                          \
	(CSIGNAL | CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_THREAD |          \
	 CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED |        \
	 CLONE_CHILD_SETTID)

struct clone_arguments {
	uint64_t flags;
	uint64_t stack; /* 0: the parent's */
	uint64_t parent_tid, child_tid;
	uint64_t tls;
};

static void undo_process(struct process *process)
{
	if (process->space)
		space_put(process->space);
	if (process->files)
		fd_table_put(process->files);
	if (process->fs)
		fs_context_put(process->fs);
	if (process->actions)
		signal_actions_put(process->actions);
	process_set_executable(process, NULL);
	process_release(process);
}

/* A process that shares with the current one what `flags` says and has copies of the rest; NULL: out of
 * memory. */
static struct process *copy_process(uint64_t flags)
{
	struct process *parent = current_process(), *process = process_create(parent);

	if (!process)
		return NULL;
	process->exit_signal = flags & CSIGNAL;
	process->backend = parent->backend;
	process_set_executable(process, parent->executable);
	if (flags & CLONE_VM) {
		process->space = parent->space;
		space_get(process->space);
	} else {
		process->space = space_fork(parent->space);
	}
	if (flags & CLONE_FILES) {
		process->files = parent->files;
		process->files->references++;
	} else {
		process->files = fd_table_copy(parent->files);
	}
	if (flags & CLONE_FS) {
		process->fs = parent->fs;
		process->fs->references++;
	} else {
		process->fs = fs_context_copy(parent->fs);
	}
	if (flags & CLONE_SIGHAND) {
		process->actions = parent->actions;
		process->actions->references++;
	} else {
		process->actions = signal_actions_copy(parent->actions);
	}
	if (process->space && process->files && process->fs && process->actions)
		return process;
	undo_process(process);
	return NULL;
}

static struct thread *copy_thread(struct process *process, const struct clone_arguments *arguments)
{
	struct thread *parent = current_thread(), *thread;
	struct regs regs = *parent->regs;

	regs.rax = 0;
	regs.vector = 0;
	if (arguments->stack)
		regs.rsp = arguments->stack;
	thread = thread_create(process, &regs, NULL);
	if (!thread)
		return NULL;
	if (domain_thread_prepare(thread)) {
		thread_discard(thread);
		return NULL;
	}
	fpu_save(thread->xsave);
	thread->pkru = domain_rights(); /* what parent->pkru holds is from its last switch */
	thread->fs_base = arguments->flags & CLONE_SETTLS ? arguments->tls : parent->fs_base;
	thread->signal_mask = parent->restore_mask ? parent->saved_mask : parent->signal_mask;
	if (!(arguments->flags & CLONE_VM) || arguments->flags & CLONE_VFORK)
		thread->signal_stack = parent->signal_stack;
	if (arguments->flags & CLONE_CHILD_CLEARTID)
		thread->clear_tid = arguments->child_tid;
	return thread;
}

static void wait_for_vfork_child(struct process *child)
{
	struct wait_entry entry;

	wait_begin(&child->event, &entry);
	while (child->vfork_child && !current_process()->exiting)
		thread_sleep_uninterruptibly();
	wait_end(&entry);
}

static long do_clone(const struct clone_arguments *arguments)
{
	uint64_t flags = arguments->flags;
	struct process *process = current_process();
	struct thread *thread;
	int tid;

	if (flags & ~CLONE_KNOWN || (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) ||
	    (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)))
		return -EINVAL;
	if (domain_inside())
		return -EPERM;
	if (flags & CLONE_SETTLS && arguments->tls >= APPLICATION_END)
		return -EPERM;
	if (!(flags & CLONE_THREAD))
		process = copy_process(flags);
	if (!process)
		return -ENOMEM;
	thread = copy_thread(process, arguments);
	if (!thread) {
		if (!(flags & CLONE_THREAD))
			undo_process(process);
		return -ENOMEM;
	}
	if (!(flags & CLONE_VM) && domain_fork(current_process(), process)) {
		thread_discard(thread);
		undo_process(process);
		return -ENOMEM;
	}
	tid = thread->tid;
	if (!(flags & CLONE_THREAD))
		process->pid = tid;
	if (flags & CLONE_PARENT_SETTID)
		put_user_u32(arguments->parent_tid, (uint32_t)tid);
	if (flags & CLONE_CHILD_SETTID) {
		space_switch(process->space);
		put_user_u32(arguments->child_tid, (uint32_t)tid);
		space_switch(current_process()->space);
	}
	process->vfork_child = flags & CLONE_VFORK && !(flags & CLONE_THREAD);
	process_get(process);
	thread_wake(thread);
	if (flags & CLONE_VFORK)
		wait_for_vfork_child(process);
	process_put(process);
	return tid;
}

long sys_clone(uint64_t flags, uint64_t stack, uint64_t parent_tid, uint64_t child_tid, uint64_t tls)
{
	return do_clone(&(struct clone_arguments){flags, stack, parent_tid, child_tid, tls});
}

long sys_fork(void)
{
	return do_clone(&(struct clone_arguments){.flags = SIGCHLD});
}

long sys_vfork(void)
{
	return do_clone(&(struct clone_arguments){.flags = CLONE_VFORK | CLONE_VM | SIGCHLD});
}
