#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: becomes the program, or returns errno. */
static int become(const struct child_request *request, pid_t parent, int output)
{
	sigset_t none;
	int null;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return errno;
	if (getppid() != parent)
		_exit(1); /* the launcher was gone before the line above */
	setsid();
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		return errno;
	for (const int *keep = request->keep; *keep >= 0; keep++)
		if (fcntl(*keep, F_SETFD, 0) != 0)
			return errno;
	if (request->variable && setenv(request->variable, request->value, 1) != 0)
		return errno;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(request->argv[0], request->argv);
	return errno;
}

bool child_start(struct child *child, const struct child_request *request, struct error *error)
{
	int output[2], failure[2], reason = 0;
	pid_t parent = getpid();
	ssize_t got;

	child->pid = 0;
	if (pipe2(output, O_CLOEXEC) != 0)
		return error_set(error, "a pipe: %s", strerror(errno));
	if (pipe2(failure, O_CLOEXEC) != 0) {
		reason = errno;
		close(output[0]);
		close(output[1]);
		return error_set(error, "a pipe: %s", strerror(reason));
	}
	child->pid = fork();
	if (child->pid == 0) {
		reason = become(request, parent, output[1]);
		got = write(failure[1], &reason, sizeof(reason));
		_exit(got == sizeof(reason) ? 127 : 126);
	}
	if (child->pid < 0)
		reason = errno;
	close(output[1]);
	close(failure[1]);
	do
		got = child->pid < 0 ? 0
		                     : read(failure[0], &reason, sizeof(reason)); /* end of file: executed */
	while (got < 0 && errno == EINTR);
	close(failure[0]);
	child->output = output[0];
	if (reason) {
		if (child->pid > 0)
			waitpid(child->pid, NULL, 0);
		child->pid = 0;
		close(output[0]);
		return error_set(error, "%s: %s", request->argv[0], strerror(reason));
	}
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	return true;
}

bool child_reap(struct child *child, int *status)
{
	pid_t pid = child->pid;

	if (pid <= 0 || waitpid(pid, status, WNOHANG) != pid)
		return false;
	kill(-pid, SIGKILL); /* what it started and left behind */
	child->pid = 0;
	return true;
}

void child_kill(struct child *child)
{
	if (child->pid <= 0)
		return;
	kill(-child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}
