/* wait4, waitid, and what stopping, continuing and ignoring children does to them. */
#include "case.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#define SUBJECT "wait"

CASE(wait_without_children)
{
	int status;

	say_result("wait", wait(&status));
	say_result("no hang", waitpid(-1, &status, WNOHANG));
	say_result("a number", waitpid(getpid() + 1000, &status, 0));
	say_result("itself", waitpid(getpid(), &status, 0));
	say_result("parent", waitpid(getppid(), &status, WNOHANG));
	say_result("group", waitpid(0, &status, 0));
	say_result("unknown option", waitpid(-1, &status, 0x100));
	say_result("waitid", waitid(P_ALL, 0, NULL, WEXITED));
}

CASE(wait_no_hang)
{
	int status = 77, pipes[2];
	pid_t pid;

	must("pipe", pipe(pipes));
	pid = must("fork", fork());
	if (pid == 0) {
		close(pipes[1]);
		read(pipes[0], &status, 1);
		_exit(5);
	}
	say_result("running", waitpid(pid, &status, WNOHANG));
	say("status untouched: %d\n", status);
	close(pipes[1]);
	say("same child: %d\n", waitpid(pid, &status, 0) == pid);
	say_status("status", status);
	say_result("once more", waitpid(pid, &status, 0));
}

CASE(wait_for_one_of_several)
{
	int numbers[3] = {11, 22, 33}, status, sum = 0;
	pid_t pids[3];

	for (int i = 0; i < 3; i++)
		pids[i] = start_child(exit_with, &numbers[i]);
	finish_child("second", pids[1]);
	for (int i = 0; i < 2; i++) {
		must("wait", wait(&status));
		sum += WEXITSTATUS(status);
	}
	say("sum of the others %d\n", sum);
	say_result("no more", wait(&status));
}

CASE(wait_by_group)
{
	int number = 4, status;
	pid_t pid = must("fork", fork());

	if (pid == 0) {
		setpgid(0, 0);
		_exit(4);
	}
	setpgid(pid, pid);
	say_result("own group", waitpid(0, &status, 0));
	say("its group: %d\n", waitpid(-pid, &status, 0) == pid);
	say_status("status", status);
	pid = start_child(exit_with, &number);
	say("own group: %d\n", waitpid(0, &status, 0) == pid);
	say_result("unknown group", waitpid(-999999, &status, 0));
}

CASE(wait_bad_pointers)
{
	int number = 3;

	start_child(exit_with, &number);
	say_result("status", syscall(SYS_wait4, -1, BAD, 0, NULL));
	say_result("nothing left", wait(NULL));
	start_child(exit_with, &number);
	say_result("no status wanted", wait(NULL) > 0);
}

static void say_info(const char *what, int result, const siginfo_t *info, pid_t pid)
{
	if (result < 0)
		say_result(what, result);
	else
		say("%s: signal %d, code %d, status %d, right pid %d, right user %d\n", what, info->si_signo,
		    info->si_code == CLD_DUMPED ? CLD_KILLED : info->si_code, info->si_status,
		    info->si_pid == pid, info->si_uid == (pid ? getuid() : 0));
}

CASE(waitid_fields)
{
	int number = 300, term = SIGTERM, segv = SIGSEGV;
	siginfo_t info;
	pid_t pid;

	pid = start_child(exit_with, &number);
	say_info("not reaped", waitid(P_PID, pid, &info, WEXITED | WNOWAIT), &info, pid);
	say_info("again", waitid(P_ALL, 0, &info, WEXITED), &info, pid);
	say_info("gone", waitid(P_PID, pid, &info, WEXITED), &info, pid);
	pid = start_child(die_of, &term);
	say_info("killed", waitid(P_PID, pid, &info, WEXITED), &info, pid);
	pid = start_child(die_of, &segv);
	say_info("by a fault's signal", waitid(P_PGID, getpgrp(), &info, WEXITED), &info, pid);
	pid = start_child(wait_for_ever, NULL);
	memset(&info, 0x55, sizeof(info));
	say_info("running", waitid(P_PID, pid, &info, WEXITED | WNOHANG), &info, 0);
	say_result("no kind of event", waitid(P_PID, pid, &info, WNOHANG));
	say_result("unknown kind of id", waitid(77, pid, &info, WEXITED));
	say_result("unknown option", waitid(P_PID, pid, &info, WEXITED | 0x1000));
	must("kill", kill(pid, SIGKILL));
	say_result("no info wanted", waitid(P_PID, pid, NULL, WEXITED));
}

CASE(stop_and_continue)
{
	int status;
	siginfo_t info;
	pid_t pid = start_child(wait_for_ever, NULL);

	must("kill", kill(pid, SIGSTOP));
	say("stopped: %d\n", waitpid(pid, &status, WUNTRACED) == pid);
	say_status("status", status);
	say_result("told once", waitpid(pid, &status, WUNTRACED | WNOHANG));
	must("kill", kill(pid, SIGCONT));
	say("continued: %d\n", waitpid(pid, &status, WCONTINUED) == pid);
	say_status("status", status);
	say_result("told once", waitpid(pid, &status, WCONTINUED | WNOHANG));
	must("kill", kill(pid, SIGTSTP));
	say_info("waitid stopped", waitid(P_PID, pid, &info, WSTOPPED), &info, pid);
	must("kill", kill(pid, SIGTERM));
	say_result("a stopped process does not die", waitpid(pid, &status, WNOHANG));
	must("kill", kill(pid, SIGCONT));
	finish_child("until continued", pid);
	pid = start_child(wait_for_ever, NULL);
	must("kill", kill(pid, SIGSTOP));
	waitpid(pid, &status, WUNTRACED);
	must("kill", kill(pid, SIGCONT));
	say_info("waitid continued", waitid(P_PID, pid, &info, WCONTINUED), &info, pid);
	must("kill", kill(pid, SIGSTOP));
	waitpid(pid, &status, WUNTRACED);
	must("kill", kill(pid, SIGKILL));
	finish_child("killed while stopped", pid);
}

static void stop_self(void *argument)
{
	(void)argument;
	raise(SIGSTOP);
	_exit(6);
}

CASE(stop_is_not_reported_unasked)
{
	int status;
	pid_t pid = start_child(stop_self, NULL);

	must("wait", waitpid(pid, &status, WUNTRACED));
	say_status("asked", status);
	must("kill", kill(pid, SIGCONT));
	finish_child("unasked", pid);
}

CASE(children_not_waited_for)
{
	struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	pid = start_child(end_at_once, NULL);
	say_result("ignored, by number", waitpid(pid, NULL, 0));
	start_child(end_at_once, NULL);
	start_child(end_at_once, NULL);
	say_result("ignored, any", wait(NULL));
	must("sigaction", sigaction(SIGCHLD, &action, NULL));
	start_child(end_at_once, NULL);
	say_result("SA_NOCLDWAIT", wait(NULL));
}
