#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool process_find(const char *program, char *path, size_t size)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t length = strcspn(at, ":");

		if (snprintf(path, size, "%.*s/%s", (int)length, at, program) < (int)size &&
		    access(path, X_OK) == 0)
			return true;
		at += length + (at[length] == ':');
	}
	return false;
}

/*
 * In the child, which shares nothing with the launcher but `failure`, the write end of a pipe that execve
 * closes, and `gate`, a pipe that the launcher closes when the child may go on.
 */
static _Noreturn void become(const struct process *process, pid_t launcher, const int output[2],
                             const int errors[2], int failure, const int gate[2])
{
	sigset_t none;
	char byte;
	int null;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launcher)
		_exit(127); /* it ended before it could be watched */
	close(gate[1]);
	while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
		;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	null = open("/dev/null", O_RDONLY);
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(output[1], STDOUT_FILENO) >= 0 &&
	    dup2(errors[1], STDERR_FILENO) >= 0) {
		for (unsigned i = 0; i < process->keep_count; i++)
			fcntl(process->keep[i], F_SETFD, 0);
		for (unsigned i = 0; process->environment && process->environment[i]; i++)
			putenv((char *)process->environment[i]);
		execvp(process->argv[0], (char *const *)process->argv);
	}
	null = errno;
	(void)!write(failure, &null, sizeof(null));
	_exit(127);
}

static void close_pair(int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

int process_start(const struct process *process, pid_t *pid, int *output, int *errors, char *reason,
                  size_t size)
{
	int pipes[4][2], error = 0;
	pid_t launcher = getpid();

	for (unsigned i = 0; i < 4; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) == 0)
			continue;
		snprintf(reason, size, "no pipe: %s", strerror(errno));
		while (i--)
			close_pair(pipes[i]);
		return -1;
	}
	*pid = fork();
	if (*pid == 0)
		become(process, launcher, pipes[0], pipes[1], pipes[2][1], pipes[3]);
	if (*pid < 0)
		error = errno;
	else if (process->before)
		process->before(process->context, *pid);
	close_pair(pipes[3]);
	close(pipes[2][1]);
	if (!error && read(pipes[2][0], &error, sizeof(error)) != sizeof(error))
		error = 0;
	close(pipes[2][0]);
	close(pipes[0][1]);
	close(pipes[1][1]);
	*output = pipes[0][0];
	*errors = pipes[1][0];
	if (!error)
		return 0;
	if (*pid > 0)
		waitpid(*pid, NULL, 0);
	close(*output);
	close(*errors);
	snprintf(reason, size, "%s cannot be started: %s", process->argv[0], strerror(error));
	return -1;
}

int process_wait(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int process_kill(pid_t pid)
{
	kill(-pid, SIGKILL); /* not yet reaped, so the number is still the child's */
	kill(pid, SIGKILL);  /* it may not have made its group yet */
	return process_wait(pid);
}

void process_describe_end(int wait_status, char *text, size_t size)
{
	if (WIFSIGNALED(wait_status))
		snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(wait_status),
		         strsignal(WTERMSIG(wait_status)));
	else
		snprintf(text, size, "exited with status %d", WEXITSTATUS(wait_status));
}
