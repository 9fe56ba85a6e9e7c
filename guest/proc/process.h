/* Processes and threads. */
#ifndef GUEST_PROC_PROCESS_H
#define GUEST_PROC_PROCESS_H

#include "domain/gate.h"
#include "fs/file.h"
#include "lib/list.h"
#include "mm/space.h"
#include "proc/signal.h"
#include "proc/timers.h"
#include "proc/wait.h"
#include "x86/percpu.h"
#include "x86/regs.h"

struct backend;
struct run;
struct upcall;

struct credentials {
	uint32_t uid, euid, suid;
	uint32_t gid, egid, sgid;
};

#define COMM_SIZE     16
#define PID_FIRST     2
#define PID_MAX       32767
#define RLIMIT_COUNT  16
#define RLIMIT_FSIZE  1
#define RLIMIT_NOFILE 7 /* resources: Linux, asm-generic/resource.h */

/* A thread group: what getpid() names. */
struct process {
	int pid;
	int pgid, sid;
	unsigned references; /* the process table (until it is waited for) and each thread hold one */
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
	struct run *run;               /* the plan line that it belongs to */
	const struct backend *backend; /* what its libraries run on; NULL: a process of the kernel */
	char comm[COMM_SIZE];
	struct inode *executable; /* for symbols and /proc/self/exe */

	struct signal_actions *actions;
	struct signal_pending pending;   /* for any thread of the process */
	struct interval_timer timers[3]; /* by ITIMER_* */

	struct thread *exec_thread; /* calls execve and waits until it is the only one */
	bool exiting;               /* exit_group or a fatal signal: every thread leaves */
	int exit_status;            /* as wait4 returns it */
	bool zombie;
	int exit_signal; /* to the parent; SIGCHLD as a rule */
	bool stopped;    /* by SIGSTOP and the like, until SIGCONT */
	int stop_signal; /* to be reported by wait4; 0: nothing new */
	bool continued;  /* to be reported by wait4 */
	struct wait_queue
	        event; /* its parent's waiting threads, and those that wait for siblings' exits, sleep here */
	bool vfork_child; /* its parent sleeps until it calls exec or exits */
	bool executed;    /* has called exec: setpgid by its parent fails */

	uint64_t user_ticks, system_ticks;             /* of threads that are gone */
	uint64_t child_user_ticks, child_system_ticks; /* of children waited for, and theirs */
	uint64_t soft_limits[RLIMIT_COUNT], hard_limits[RLIMIT_COUNT]; /* by RLIMIT_* */
};

enum thread_state { THREAD_RUNNABLE, THREAD_BLOCKED, THREAD_DEAD };

/* An interrupted clock_nanosleep. */
struct restart {
	uint64_t deadline;          /* TSC */
	uint64_t remaining_address; /* of the user's timespec, 0: none */
};

/* What a call by a thread into a library may still take: see domain/fail.h. */
struct call {
	struct domain *domain; /* NULL: no call is known of */
	uint64_t left;         /* ticks */
	uint64_t seen;         /* the thread's CPU time when it was looked at last */
};

struct thread {
	int tid;
	struct process *process;
	struct list process_link;
	enum thread_state state;
	struct list run_link; /* in the run queue */
	struct timer sleep;   /* wakes it at its deadline */

	uint64_t kernel_stack; /* top, exclusive */
	uint64_t kernel_sp;    /* saved at a switch */
	struct regs *regs;     /* the user's, at the top of the kernel stack */
	void *xsave;           /* user x87, SSE and AVX state while not running (64-byte aligned) */
	uint64_t fs_base, gs_base;
	unsigned slot; /* of user threads, unique in the system */
	bool has_slot;
	uint64_t *stack_tops; /* in its thread page, through the kernel's mapping */
	unsigned view; /* EPT view while the thread does not run, of backend `vmfunc` */
	uint32_t pkru; /* while the thread does not run */
	struct gate_state
	        gate; /* while the thread does not run, of backends whose gates pass through the kernel */
	struct domain *domain; /* that it is inside by such a gate, while it does not run */
	struct gate_frame gate_frames[GATE_DEPTH_MAX];
	struct upcall *upcall;     /* a call by the kernel into a library, while it lasts */
	uint64_t exit_watch;       /* execute watchpoint at a gate's exit, 0: none */
	bool expelled;             /* it may be inside a failed domain */
	struct call call;          /* into a library, that has been seen going on */
	const char *attach_reason; /* of the last attach that failed */
	bool attention; /* set by whatever signal_is_pending() looks at: look before the next return to user
	                   mode */
	uint64_t user_limit; /* user addresses at or above are refused in system calls: see mm/uaccess.h */

	uint64_t user_ticks, system_ticks; /* exact: TSC at every entry, exit and switch */

	uint64_t signal_mask;
	uint64_t saved_mask; /* to restore after sigsuspend, ppoll, pselect */
	bool restore_mask;   /* at the next return to user mode */
	uint64_t wait_set;   /* blocked signals that sigtimedwait waits for */
	struct signal_pending pending;
	struct signal_stack signal_stack;
	struct {
		int number; /* of the signal that the last fault raised */
		uint64_t vector, error, address;
	} fault; /* for the signal frame */

	uint64_t clear_tid; /* user address, 0: none */
	uint64_t robust_list;
	struct restart restart; /* what restart_syscall continues */
};

static inline struct process *current_process(void)
{
	return current_thread()->process;
}

/* Looks in the process table; borrowed. NULL: none. Zombies are found. */
struct process *process_find(int pid);
struct thread *thread_find(int tid);
bool process_group_exists(int pgid);
struct list *process_table(void); /* of struct process by table_link */

/* An empty process in the table, child of `parent` (NULL: the first one), in the parent's run; NULL: out of
 * memory. */
struct process *process_create(struct process *parent);
void process_get(struct process *process);
void process_put(struct process *process);

/*
 * Ends the current thread; the last one ends the process. `status`, as wait4 returns it, is the process's if
 * this is its first thread and no other status has been given.
 */
_Noreturn void thread_exit(int status);
/* Ends all threads of the current process. */
_Noreturn void process_exit(int status);
/* Makes every thread of `process` leave at its next return to user mode; the first status given counts. */
void process_start_exit(struct process *process, int status);

/* Exit status words as wait4 returns them. */
#define STATUS_EXITED(code)    (((code)&0xff) << 8)
#define STATUS_KILLED(signal)  (signal)
#define STATUS_STOPPED(signal) ((signal) << 8 | 0x7f)
#define STATUS_CONTINUED       0xffff

/* argv and envp of a new program: `count` strings in `text`, each NUL-terminated, one after the other. */
struct exec_strings {
	char *text; /* kmalloc'ed, EXEC_STRINGS_MAX bytes */
	size_t size;
	unsigned argc, envc;
};
#define EXEC_STRINGS_MAX (128 * 1024)

/*
 * Replaces the current process's program; `regs` become the new program's registers. `strings` is taken over
 * and freed, whatever happens. 0 or -errno; past the point of no return a failure kills the process.
 */
long process_exec(const char *path, struct exec_strings *strings, struct regs *regs);
/* Appends one string. 0 or -E2BIG. */
long exec_strings_add(struct exec_strings *strings, const char *text);

#endif
