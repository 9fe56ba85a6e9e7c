/* Signals: the Linux (x86-64) meaning, frame and numbers. */
#ifndef GUEST_PROC_SIGNAL_H
#define GUEST_PROC_SIGNAL_H

#include "lib/lib.h"
#include "lib/list.h"

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGABRT 6
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGUSR1 10
#define SIGSEGV 11
#define SIGUSR2 12
#define SIGPIPE 13
#define SIGALRM 14
#define SIGTERM 15
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGPWR 30
#define SIGSYS 31
#define SIGNAL_COUNT 64 /* signals are 1 to 64 */

#define SIGNAL_BIT(number) (1UL << ((number)-1))

#define SI_USER 0
#define SI_KERNEL 0x80
#define SI_TKILL (-6)
#define SI_QUEUE (-1)
#define ILL_ILLOPN 2
#define FPE_INTDIV 1
#define FPE_FLTINV 7
#define SEGV_MAPERR 1
#define SEGV_ACCERR 2
#define SEGV_PKUERR 4
#define BUS_ADRALN 1
#define BUS_ADRERR 2
#define TRAP_BRKPT 1
#define TRAP_TRACE 2
#define TRAP_HWBKPT 4
#define CLD_EXITED 1
#define CLD_KILLED 2
#define CLD_DUMPED 3
#define CLD_STOPPED 5
#define CLD_CONTINUED 6

/* What siginfo_t carries, whatever the signal: three words after number, errno and code (Linux, siginfo.h). */
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

struct signal_actions;

struct interval_timer {
	uint64_t interval; /* ticks, 0: once */
	uint64_t expires;  /* TSC (real) or CPU ticks (virtual, profiling); 0: off */
};

struct thread;
struct process;
struct regs;

/* Queues a signal; wakes a thread that must handle it. 0 or -EAGAIN. */
long signal_send_thread(struct thread *thread, const struct signal_info *info);
long signal_send_process(struct process *process, const struct signal_info *info);

/* A fault of the current thread: delivered at once, fatal if blocked or ignored. */
void signal_fault(int number, int code, uint64_t address);

/* A signal that the current thread must act on is pending. */
bool signal_is_pending(void);

#endif
