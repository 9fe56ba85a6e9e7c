/* Calls that wait, and signals that interrupt them. */
#include "case.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define SUBJECT "interruption"

static volatile int handled;

static void count(int number)
{
	(void)number;
	handled++;
}

static void tell(int number)
{
	say("handler: %s\n", signal_name(number));
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
