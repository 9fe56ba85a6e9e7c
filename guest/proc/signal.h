/* Signals: the Linux (x86-64) meaning, frame and numbers. */
#ifndef GUEST_PROC_SIGNAL_H
#define GUEST_PROC_SIGNAL_H

#include "lib/lib.h"
#include "lib/list.h"
#include "proc/timers.h"

#define SIGHUP       1
#define SIGINT       2
#define SIGQUIT      3
#define SIGILL       4
#define SIGTRAP      5
#define SIGABRT      6
#define SIGBUS       7
#define SIGFPE       8
#define SIGKILL      9
#define SIGUSR1      10
#define SIGSEGV      11
#define SIGUSR2      12
#define SIGPIPE      13
#define SIGALRM      14
#define SIGTERM      15
#define SIGCHLD      17
#define SIGCONT      18
#define SIGSTOP      19
#define SIGTSTP      20
#define SIGTTIN      21
#define SIGTTOU      22
#define SIGURG       23
#define SIGXCPU      24
#define SIGXFSZ      25
#define SIGVTALRM    26
#define SIGPROF      27
#define SIGWINCH     28
#define SIGIO        29
#define SIGPWR       30
#define SIGSYS       31
#define SIGNAL_COUNT 64 /* signals are 1 to 64 */

#define SIGNAL_BIT(number) (1UL << ((number)-1))

#define SI_USER       0
#define SI_KERNEL     0x80
#define SI_TKILL      (-6)
#define SI_QUEUE      (-1)
#define ILL_ILLOPN    2
#define FPE_INTDIV    1
#define FPE_FLTINV    7
#define SEGV_MAPERR   1
#define SEGV_ACCERR   2
#define SEGV_PKUERR   4
#define BUS_ADRALN    1
#define BUS_ADRERR    2
#define TRAP_BRKPT    1
#define TRAP_TRACE    2
#define TRAP_HWBKPT   4
#define CLD_EXITED    1
#define CLD_KILLED    2
#define CLD_DUMPED    3
#define CLD_STOPPED   5
#define CLD_CONTINUED 6

/* What siginfo_t carries, whatever the signal: three words after number, errno and code (Linux, siginfo.h).
 */
struct signal_info {
	int number;
	int code;
	uint64_t word[3]; /* as laid out from byte 16 of siginfo_t */
};

struct signal_queued {
	struct list link;
	struct signal_info info;
};

struct signal_pending {
	uint64_t set;
	struct list queue; /* struct signal_queued */
};

struct signal_stack {
	uint64_t base;
	uint64_t size; /* 0: disabled */
};

#define SIG_DFL      0
#define SIG_IGN      1
#define SIG_BLOCK    0
#define SIG_UNBLOCK  1
#define SIG_SETMASK  2
#define SA_NOCLDSTOP 0x00000001UL
#define SA_NOCLDWAIT 0x00000002UL
#define SA_SIGINFO   0x00000004UL
#define SA_RESTORER  0x04000000UL
#define SA_ONSTACK   0x08000000UL
#define SA_RESTART   0x10000000UL
#define SA_NODEFER   0x40000000UL
#define SA_RESETHAND 0x80000000UL

struct signal_action { /* the kernel's struct sigaction (Linux x86-64) */
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

struct signal_actions {
	unsigned references; /* shared with CLONE_SIGHAND */
	struct signal_action action[SIGNAL_COUNT + 1];
};

struct interval_timer {
	uint64_t interval; /* ticks, 0: once */
	uint64_t expires;  /* TSC (real) or CPU ticks (virtual, profiling); 0: off */
	struct timer timer;
	struct process *process;
};

struct thread;
struct process;
struct regs;

struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(const struct signal_actions *actions);
void signal_actions_put(struct signal_actions *actions);
void signal_actions_exec(struct process *process); /* handlers become SIG_DFL */

void signal_pending_init(struct signal_pending *pending);
void signal_pending_clear(struct signal_pending *pending);

/* A signal from the current process (SI_USER and so on): number, code, pid and uid filled in. */
struct signal_info signal_from_current(int number, int code);

/* Queues a signal; wakes a thread that must handle it. 0 or -EAGAIN (no memory for a queued real-time
 * signal). */
long signal_send_thread(struct thread *thread, const struct signal_info *info);
long signal_send_process(struct process *process, const struct signal_info *info);

/* A fault of the current thread: delivered at once; fatal when blocked or ignored. */
void signal_fault(int number, int code, uint64_t address);

/* The current thread must act: a signal that it does not block, a stop, or the end of its process. */
bool signal_is_pending(void);

/* Takes the first pending signal of the current thread that is in `set`. False: none. */
bool signal_take(uint64_t set, struct signal_info *info);

/*
 * On the way to user mode, while the thread's `attention` is set: stops, ends, or builds the frame of one
 * handler in `regs`; decides whether an interrupted system call restarts. Clears `attention` when nothing is
 * left to do.
 */
void signal_deliver(struct regs *regs);

/* Sets the current thread's mask (never SIGKILL or SIGSTOP). */
void signal_set_mask(uint64_t mask);

/*
 * For calls that wait with another mask (sigsuspend, ppoll, pselect6): sets `mask` until the return to user
 * mode, where the handler of the signal that ended the wait runs first and its frame restores the mask of
 * before.
 */
void signal_use_mask(uint64_t mask);

/* Drops pending signals `number` of the process that its disposition now ignores. */
void signal_discard_ignored(struct process *process, int number);

/* The frame of a handler on the user's stack (sigframe.c). 0 or -EFAULT. */
long signal_frame_push(struct regs *regs, const struct signal_info *info, const struct signal_action *action,
                       uint64_t old_mask);

/* The layout of siginfo_t: 128 bytes. */
#define SIGINFO_SIZE 128
void signal_info_to_user_layout(uint8_t layout[SIGINFO_SIZE], const struct signal_info *info);

#endif
