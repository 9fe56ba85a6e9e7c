/* Signals: actions, masks, queues, delivery. */
#include "case.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define SUBJECT "signals"

static volatile int handled;

static void count(int number)
{
	(void)number;
	handled++;
}

static void tell(int number)
{
	handled++;
	say("handler: %s\n", signal_name(number));
}

CASE(default_actions)
{
	int status;

	for (int number = 1; number <= 64; number++) {
		pid_t pid;

		if (number >= 32 && number < 35) /* the C library's own */
			continue;
		pid = start_child(die_of, &number);
		must("wait", waitpid(pid, &status, WUNTRACED));
		say_status(signal_name(number), status);
		if (WIFSTOPPED(status)) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		}
	}
}

CASE(action_errors)
{
	struct sigaction action = {.sa_handler = count};

	say_result("SIGKILL", sigaction(SIGKILL, &action, NULL));
	say_result("SIGSTOP", sigaction(SIGSTOP, &action, NULL));
	say_result("signal 0", sigaction(0, &action, NULL));
	say_result("signal 65", sigaction(65, &action, NULL));
	say_result("SIGKILL, asking", sigaction(SIGKILL, NULL, &action));
	say_result("set of a wrong size", syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4));
	say_result("bad new", syscall(SYS_rt_sigaction, SIGUSR1, BAD, NULL, 8));
	say_result("bad old", syscall(SYS_rt_sigaction, SIGUSR1, NULL, BAD, 8));
	say_result("mask of a wrong size", syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 16));
	say_result("unknown how", syscall(SYS_rt_sigprocmask, 77, &(uint64_t){0}, NULL, 8));
	say_result("bad mask", syscall(SYS_rt_sigprocmask, SIG_BLOCK, BAD, NULL, 8));
	say_result("pending of a wrong size", syscall(SYS_rt_sigpending, &(uint64_t){0}, 16));
}

CASE(action_is_returned)
{
	struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART | SA_NODEFER}, old;

	sigaddset(&action.sa_mask, SIGHUP);
	must("sigaction", sigaction(SIGUSR1, &action, &old));
	say("before: %d, flags %x\n", old.sa_handler == SIG_DFL, (unsigned)old.sa_flags & ~0x04000000u);
	must("sigaction", sigaction(SIGUSR1, NULL, &old));
	say("after: %d, flags %x, mask %d %d\n", old.sa_handler == count,
	    (unsigned)old.sa_flags & ~0x04000000u, sigismember(&old.sa_mask, SIGHUP),
	    sigismember(&old.sa_mask, SIGTERM));
}

static int depth;

static void nest(int number)
{
	sigset_t mask;
	int level = ++depth;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	say("enter %d: %s, blocked %d, USR2 blocked %d\n", level, signal_name(number),
	    sigismember(&mask, number), sigismember(&mask, SIGUSR2));
	if (level < 3)
		raise(number);
	say("leave %d\n", level);
}

static void nested_with(int flags, int masked)
{
	struct sigaction action = {.sa_handler = nest, .sa_flags = flags};
	sigset_t mask;

	if (masked)
		sigaddset(&action.sa_mask, masked);
	depth = 0;
	must("sigaction", sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	say("after: blocked %d, USR2 blocked %d\n", sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
}

CASE(mask_in_handler)
{
	say("plain\n");
	nested_with(0, 0);
	say("SA_NODEFER\n");
	nested_with(SA_NODEFER, 0);
	say("with a mask\n");
	nested_with(0, SIGUSR2);
}

static void raise_twice(void *argument)
{
	(void)argument;
	handle(SIGUSR1, tell, SA_RESETHAND);
	raise(SIGUSR1);
	raise(SIGUSR1);
}

CASE(reset_handler)
{
	in_child("child", raise_twice, NULL);
}

CASE(blocked_and_pending)
{
	sigset_t pending;

	handle(SIGUSR1, tell, 0);
	handle(SIGUSR2, tell, 0);
	block(SIGUSR1);
	block(SIGUSR2);
	raise(SIGUSR2);
	raise(SIGUSR1);
	raise(SIGUSR1);
	must("sigpending", sigpending(&pending));
	say("pending %d %d %d, handled %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2),
	    sigismember(&pending, SIGTERM), handled);
	unblock(SIGUSR2);
	say("handled %d\n", handled);
	unblock(SIGUSR1);
	say("handled %d\n", handled);
	must("sigpending", sigpending(&pending));
	say("pending %d\n", sigismember(&pending, SIGUSR1));
}

CASE(ignoring_discards)
{
	sigset_t pending;

	block(SIGUSR1);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	sigpending(&pending);
	say("pending %d\n", sigismember(&pending, SIGUSR1));
	signal(SIGUSR1, SIG_DFL);
	unblock(SIGUSR1);
	block(SIGCHLD);
	raise(SIGCHLD);
	sigpending(&pending);
	say("ignored by default, pending %d\n", sigismember(&pending, SIGCHLD));
}

CASE(unblockable)
{
	sigset_t mask;

	sigfillset(&mask);
	must("sigprocmask", sigprocmask(SIG_SETMASK, &mask, NULL));
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	say("%d %d %d\n", sigismember(&mask, SIGKILL), sigismember(&mask, SIGSTOP),
	    sigismember(&mask, SIGTERM));
}

static void describe(int number, siginfo_t *info, void *context)
{
	(void)context;
	say("%s: signo %d errno %d code %d, sender %d, user %d\n", signal_name(number), info->si_signo,
	    info->si_errno, info->si_code, info->si_pid == getpid(), info->si_uid == getuid());
}

static void describe_value(int number, siginfo_t *info, void *context)
{
	(void)context;
	say("%s: code %d value %d, sender %d\n", signal_name(number), info->si_code, info->si_value.sival_int,
	    info->si_pid == getpid());
}

CASE(sender_in_info)
{
	handle_info(SIGUSR1, describe, 0);
	say_result("kill", kill(getpid(), SIGUSR1));
	say_result("tgkill", syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	say_result("tkill", syscall(SYS_tkill, getpid(), SIGUSR1));
	handle_info(SIGUSR1, describe_value, 0);
	say_result("sigqueue", sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 4711}));
}

CASE(queue_info_errors)
{
	struct {
		int signo, error, code;
		int room[29];
	} info = {SIGUSR1, 0, 0, {0}};

	handle_info(SIGUSR1, describe_value, 0);
	say_result("code of kill to itself", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
	say_result("code of kill to another", syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
	info.code = -1;
	say_result("no such process", syscall(SYS_rt_sigqueueinfo, 999999, SIGUSR1, &info));
	say_result("no such signal", syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
	say_result("bad pointer", syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, BAD));
	say_result("signal 0", syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
}

CASE(real_time_signals_queue)
{
	int first = SIGRTMIN, second = SIGRTMIN + 1;

	handle_info(first, describe_value, 0);
	handle_info(second, describe_value, 0);
	handle_info(SIGUSR1, describe_value, 0);
	block(first);
	block(second);
	block(SIGUSR1);
	for (int i = 1; i <= 3; i++) {
		must("sigqueue", sigqueue(getpid(), second, (union sigval){.sival_int = 20 + i}));
		must("sigqueue", sigqueue(getpid(), first, (union sigval){.sival_int = 10 + i}));
		must("sigqueue", sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = i}));
	}
	unblock(SIGUSR1);
	unblock(second);
	unblock(first);
}

/* Several signals that become deliverable together: the lowest number's handler runs last started, first
 * finished. */
CASE(delivery_together)
{
	sigset_t mask;

	handle(SIGHUP, tell, 0);
	handle(SIGUSR1, tell, 0);
	handle(SIGUSR2, tell, 0);
	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	must("sigprocmask", sigprocmask(SIG_BLOCK, &mask, NULL));
	raise(SIGUSR2);
	raise(SIGHUP);
	raise(SIGUSR1);
	must("sigprocmask", sigprocmask(SIG_UNBLOCK, &mask, NULL));
	say("handled %d\n", handled);
}

static void raise_pending(void *argument)
{
	sigset_t pending;

	(void)argument;
	sigpending(&pending);
	say("child: pending %d\n", sigismember(&pending, SIGUSR1));
	unblock(SIGUSR1);
	say("child: handled %d\n", handled);
	raise(SIGUSR1);
	say("child: handled %d\n", handled);
}

CASE(fork_inherits_mask_not_pending)
{
	handle(SIGUSR1, count, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	in_child("child", raise_pending, NULL);
	unblock(SIGUSR1);
	say("parent: handled %d\n", handled);
}

static void run_abort(void *argument)
{
	if (argument)
		handle(SIGABRT, tell, 0);
	abort();
}

CASE(abort_is_final)
{
	in_child("default", run_abort, NULL);
	in_child("handled", run_abort, "yes");
	block(SIGABRT);
	in_child("blocked", run_abort, NULL);
}

CASE(many_signals)
{
	handle(SIGUSR1, count, 0);
	for (int i = 0; i < 2000; i++)
		raise(SIGUSR1);
	say("handled %d\n", handled);
}

CASE(kill_is_certain)
{
	sigset_t all;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL); /* the child's, too */
	pid = start_child(wait_for_ever, NULL);
	say_result("SIGTERM", kill(pid, SIGTERM));
	say_result("alive", waitpid(pid, NULL, WNOHANG));
	say_result("SIGKILL", kill(pid, SIGKILL));
	finish_child("child", pid);
}
