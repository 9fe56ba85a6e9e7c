/* Signals: actions, masks, queues, waiting, restarting, timers. */
#include "case.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define SUBJECT "signals"
#define BAD     ((void *)8)

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

static void die_of(void *argument)
{
	signal(*(int *)argument, SIG_DFL);
	raise(*(int *)argument);
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

static void describe_timer(int number, siginfo_t *info, void *context)
{
	(void)context;
	handled++;
	say("%s: signo %d code %d\n", signal_name(number), info->si_signo, info->si_code);
}

static void handle_info(int number, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	must("sigaction", sigaction(number, &action, NULL));
}

CASE(sender_in_info)
{
	handle_info(SIGUSR1, describe);
	say_result("kill", kill(getpid(), SIGUSR1));
	say_result("tgkill", syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1));
	say_result("tkill", syscall(SYS_tkill, getpid(), SIGUSR1));
	handle_info(SIGUSR1, describe_value);
	say_result("sigqueue", sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 4711}));
}

CASE(queue_info_errors)
{
	struct {
		int signo, error, code;
		int room[29];
	} info = {SIGUSR1, 0, 0, {0}};

	handle_info(SIGUSR1, describe_value);
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

	handle_info(first, describe_value);
	handle_info(second, describe_value);
	handle_info(SIGUSR1, describe_value);
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

/* What a child does to its parent: signals until one finds it in the call that is to be interrupted. */
struct interruption {
	int times; /* 0: until it is killed */
	int late;  /* descriptor to write to in the end */
};

static void interrupt_parent(void *argument)
{
	const struct interruption *interruption = argument;

	for (int i = 0; interruption->times == 0 || i < interruption->times; i++) {
		sleep_ms(5);
		kill(getppid(), SIGUSR1);
	}
	write(interruption->late, "late", 4);
}

static void end_interruption(pid_t pid)
{
	signal(SIGUSR1, SIG_IGN);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void read_interrupted(int flags)
{
	struct interruption interruption = {flags ? 5 : 0, -1};
	char text[8] = "";
	int pipes[2];
	pid_t pid;

	must("pipe", pipe(pipes));
	interruption.late = pipes[1];
	handled = 0;
	handle(SIGUSR1, count, flags);
	pid = start_child(interrupt_parent, &interruption);
	say_result("read", read(pipes[0], text, sizeof(text)));
	say("\"%s\", handled %d\n", text, handled > 0);
	end_interruption(pid);
}

CASE(read_restarts_or_not)
{
	read_interrupted(0);
	read_interrupted(SA_RESTART);
}

static void wait_interrupted(int flags)
{
	struct interruption interruption = {flags ? 5 : 0, -1};
	pid_t pid, result;

	handled = 0;
	handle(SIGUSR1, count, flags);
	pid = start_child(interrupt_parent, &interruption);
	result = waitpid(pid, NULL, 0);
	say("wait: %s, handled %d\n", result == pid ? "child" : error_name(errno), handled > 0);
	if (result != pid)
		end_interruption(pid);
}

CASE(wait_restarts_or_not)
{
	wait_interrupted(0);
	wait_interrupted(SA_RESTART);
}

static void set_timer(int which, long microseconds, long interval)
{
	struct itimerval timer = {{0, interval}, {0, microseconds}};

	must("setitimer", setitimer(which, &timer, NULL));
}

CASE(sleep_is_interrupted)
{
	struct timespec left = {77, 77}, time = {1000, 0};

	handle(SIGALRM, count, SA_RESTART);
	set_timer(ITIMER_REAL, 10000, 10000);
	say_result("nanosleep", nanosleep(&time, &left));
	say("left: %d\n", left.tv_sec > 900 && left.tv_sec < 1000);
	say_error("clock_nanosleep", clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &left));
	say("left: %d\n", left.tv_sec > 900 && left.tv_sec < 1000);
	left = (struct timespec){77, 77};
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += 1000;
	say_error("absolute", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, &left));
	say("left untouched: %ld %ld\n", (long)left.tv_sec, left.tv_nsec);
	say("handled %d\n", handled >= 3);
}

static void stop_and_continue_parent(void *argument)
{
	pid_t parent = *(pid_t *)argument;

	sleep_ms(20);
	kill(parent, SIGSTOP);
	sleep_ms(20);
	kill(parent, SIGCONT);
}

static void sleeper(void *argument)
{
	long start = elapsed_ns();
	struct timespec time = {0, 100000000};
	pid_t self = getpid(), pid = start_child(stop_and_continue_parent, &self);

	(void)argument;
	say_result("nanosleep", nanosleep(&time, NULL));
	say("whole time: %d\n", elapsed_ns() - start >= 100000000);
	finish_child("stopper", pid);
}

CASE(sleep_goes_on_after_stop)
{
	in_child("sleeper", sleeper, NULL);
}

CASE(pause_returns)
{
	handle(SIGALRM, count, SA_RESTART);
	set_timer(ITIMER_REAL, 10000, 10000);
	say_result("pause", pause());
	say("handled %d\n", handled > 0);
}

CASE(suspend_swaps_the_mask)
{
	sigset_t mask, now;

	handle(SIGUSR1, tell, SA_RESTART);
	handle(SIGUSR2, tell, 0);
	block(SIGUSR1);
	raise(SIGUSR1);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	say_result("sigsuspend", sigsuspend(&mask));
	sigprocmask(SIG_BLOCK, NULL, &now);
	say("blocked after: %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
	say_result("wrong size", syscall(SYS_rt_sigsuspend, &mask, 4));
	say_result("bad pointer", syscall(SYS_rt_sigsuspend, BAD, 8));
}

CASE(timed_wait)
{
	struct timespec none = {0, 0}, some = {0, 10000000}, bad = {0, 1000000000};
	siginfo_t info;
	sigset_t set;
	long start;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	must("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	say_result("nothing there", sigtimedwait(&set, &info, &none));
	start = elapsed_ns();
	say_result("nothing comes", sigtimedwait(&set, &info, &some));
	say("at least 10 ms: %d\n", elapsed_ns() - start >= 10000000);
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 5});
	raise(SIGUSR1);
	say_result("first", sigtimedwait(&set, &info, NULL));
	say("signo %d code %d\n", info.si_signo, info.si_code);
	say("second: %d\n", sigwaitinfo(&set, &info) == SIGRTMIN);
	say("code %d value %d\n", info.si_code, info.si_value.sival_int);
	say_result("taken", sigtimedwait(&set, NULL, &none));
	say_result("bad time", sigtimedwait(&set, &info, &bad));
	say_result("wrong size", syscall(SYS_rt_sigtimedwait, &set, NULL, &none, 4));
	handle(SIGALRM, count, SA_RESTART);
	set_timer(ITIMER_REAL, 10000, 10000);
	/* Not the library's function, which repeats the call after EINTR. */
	say_result("another signal",
	           syscall(SYS_rt_sigtimedwait, &set, NULL, &(struct timespec){1000, 0}, sizeof(uint64_t)));
}

CASE(alarm_seconds)
{
	say("case's own alarm was set: %d\n", alarm(100) > 0);
	say_result("replaced", alarm(50));
	say_result("cancelled", alarm(0));
	say_result("none", alarm(0));
}

CASE(interval_timer)
{
	struct itimerval timer = {{1, 5}, {100, 7}}, old;
	unsigned left;

	alarm(0);
	must("setitimer", setitimer(ITIMER_REAL, &timer, &old));
	say("before: %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	must("getitimer", getitimer(ITIMER_REAL, &old));
	say("runs: %d, interval %ld.%06ld\n", old.it_value.tv_sec >= 50 && old.it_value.tv_sec <= 100,
	    (long)old.it_interval.tv_sec, (long)old.it_interval.tv_usec);
	left = alarm(0);
	say("alarm tells the seconds: %d\n", left >= 50 && left <= 100);
	must("getitimer", getitimer(ITIMER_REAL, &old));
	say("cleared: %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	timer.it_value.tv_usec = 1000000;
	say_result("bad microseconds", setitimer(ITIMER_REAL, &timer, NULL));
	say_result("unknown timer", setitimer(77, &timer, NULL));
	say_result("unknown timer", getitimer(77, &timer));
	say_result("bad pointer", syscall(SYS_setitimer, ITIMER_REAL, BAD, NULL));
	say_result("bad old", syscall(SYS_getitimer, ITIMER_REAL, BAD));
}

CASE(interval_timer_repeats)
{
	handle_info(SIGALRM, describe_timer);
	set_timer(ITIMER_REAL, 2000, 2000);
	while (handled < 5)
		pause();
	set_timer(ITIMER_REAL, 0, 0);
}

CASE(timers_of_processor_time)
{
	handle_info(SIGVTALRM, describe_timer);
	handle_info(SIGPROF, describe_timer);
	set_timer(ITIMER_VIRTUAL, 5000, 0);
	sleep_ms(30);
	say("asleep: %d\n", handled);
	while (handled < 1)
		;
	set_timer(ITIMER_PROF, 5000, 0);
	while (handled < 2)
		getppid();
	say("ran\n");
}

CASE(timer_is_not_inherited)
{
	struct itimerval timer;
	pid_t pid;

	alarm(10);
	pid = must("fork", fork());
	if (pid == 0) {
		getitimer(ITIMER_REAL, &timer);
		say("child: %ld\n", (long)timer.it_value.tv_sec);
		_exit(0);
	}
	finish_child("child", pid);
	say("parent: %d\n", alarm(0) > 0);
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

static void pause_for_ever(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

CASE(kill_is_certain)
{
	sigset_t all;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL); /* the child's, too */
	pid = start_child(pause_for_ever, NULL);
	say_result("SIGTERM", kill(pid, SIGTERM));
	say_result("alive", waitpid(pid, NULL, WNOHANG));
	say_result("SIGKILL", kill(pid, SIGKILL));
	finish_child("child", pid);
}
