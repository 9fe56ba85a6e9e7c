/* Processes and threads. */
#ifndef GUEST_PROC_PROCESS_H
#define GUEST_PROC_PROCESS_H

#include "fs/file.h"
#include "lib/list.h"
#include "mm/space.h"
#include "proc/signal.h"
#include "proc/wait.h"
#include "x86/percpu.h"
#include "x86/regs.h"

struct run;

struct credentials {
	uint32_t uid, euid, suid;
	uint32_t gid, egid, sgid;
};

#define COMM_SIZE 16

/* A thread group: what getpid() names. */
struct process {
	int pid;
	int pgid, sid;
	unsigned references; /* the process table and each thread hold one */
	struct process *parent;
	struct list children; /* by sibling_link */
	struct list sibling_link;
	struct list table_link; /* in the process table */
	struct list threads;    /* by thread.process_link */
	unsigned thread_count;  /* that have not exited */

	struct space *space; /* NULL once it is a zombie */
	struct fd_table *files;
	struct fs_context *fs;
	struct credentials credentials;
	struct run *run; /* the plan line that it belongs to */
	char comm[COMM_SIZE];
	struct inode *executable; /* for symbols and /proc/self/exe */

	struct signal_actions *actions;
	struct signal_pending pending; /* for any thread of the process */
	struct interval_timer timers[3];

	bool exiting;    /* exit_group or a fatal signal: every thread leaves */
	int exit_status; /* as wait4 returns it */
	bool zombie;
	int exit_signal;              /* to the parent; SIGCHLD as a rule */
	bool stopped, stop_reported;  /* SIGSTOP and the like */
	int stop_signal;
	bool continued;
	struct wait_queue child_event; /* parents wait here for their children */
	struct wait_queue *vfork_done; /* a vfork parent waits on it until exec or exit */
	bool vfork_released;

	uint64_t user_ticks, system_ticks;          /* of threads that are gone */
	uint64_t child_user_ticks, child_system_ticks; /* of children waited for */
	uint64_t soft_limits[16], hard_limits[16];  /* rlimits by RLIMIT_* */
};

enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_DEAD };

struct thread {
	int tid;
	struct process *process;
	struct list process_link;
	enum thread_state state;
	struct list run_link;   /* in the run queue */
	struct list sleep_link; /* in the list of deadlines */
	uint64_t deadline;

	uint64_t kernel_stack; /* top, exclusive */
	uint64_t kernel_sp;    /* saved at a switch */
	struct regs *regs;     /* the user's, at the top of the kernel stack */
	void *xsave;           /* user x87, SSE and AVX state while not running (64-byte aligned) */
	uint64_t fs_base;
	uint64_t user_limit;   /* user addresses at or above are refused in system calls: see mm/uaccess.h */

	uint64_t user_ticks, system_ticks; /* exact: TSC at every entry, exit and switch */

	uint64_t signal_mask;
	uint64_t saved_mask; /* to restore after sigsuspend, ppoll, pselect */
	bool restore_mask;
	struct signal_pending pending;
	struct signal_stack signal_stack;

	uint64_t clear_tid; /* user address, 0: none */
	uint64_t robust_list;
	struct restart { uint64_t deadline; uint64_t remaining_address; int clock; } restart;
};

static inline struct process *current_process(void)
{
	return current_thread()->process;
}

struct process *process_find(int pid); /* borrowed; NULL: none (zombies are found) */
struct thread *thread_find(int tid);

/* Ends the current thread; the last one ends the process. Status as wait4 returns it. */
_Noreturn void thread_exit(int status);
/* Ends all threads of the current process. */
_Noreturn void process_exit(int status);
/* Makes every other thread of `process` leave at its next return to user mode. */
void process_start_exit(struct process *process, int status);

/* Replaces the current process's program. 0 (then the registers are the new program's) or -errno. */
struct exec_strings; /* argv and envp, in kernel memory */
long process_exec(const char *path, const struct exec_strings *strings);

#endif
