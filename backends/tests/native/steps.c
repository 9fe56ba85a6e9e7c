/*
 * steps PROGRAM [ARGUMENT ...]: counts the instructions of a program's sections by executing them one at a
 * time (ptrace(2)), exact on any machine. A section begins and ends with INT3, neither of which counts;
 * outside of them the program runs at full speed. Prints a line "section N: M instructions" for each.
 * Instructions of other threads and processes are not counted, and neither is what the kernel does.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define INT3 0xcc

static pid_t child;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "steps: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct user_regs_struct registers(void)
{
	struct user_regs_struct now;

	if (ptrace(PTRACE_GETREGS, child, NULL, &now) < 0)
		fail("registers cannot be read");
	return now;
}

static bool is_marker(uint64_t address)
{
	errno = 0;
	return (uint8_t)ptrace(PTRACE_PEEKTEXT, child, address, NULL) == INT3 && !errno;
}

/* Lets the program go on until it stops again: the signal that stopped it. Ends with it. */
static int go_on(long how, int with)
{
	int status;

	if (ptrace((int)how, child, NULL, (long)with) < 0 || waitpid(child, &status, 0) < 0)
		fail("the program cannot go on");
	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "steps: the program died of signal %d\n", WTERMSIG(status));
		exit(1);
	}
	return WSTOPSIG(status);
}

/* The program stands behind a section's first INT3. It is left behind the last one. */
static uint64_t count_section(void)
{
	struct user_regs_struct now;
	uint64_t count = 0;
	int with = 0;

	for (now = registers(); !is_marker(now.rip); now = registers()) {
		int stopped = go_on(PTRACE_SINGLESTEP, with);

		with = stopped == SIGTRAP ? 0 : stopped; /* its handler's instructions count */
		count += stopped == SIGTRAP;
	}
	now.rip++;
	if (ptrace(PTRACE_SETREGS, child, NULL, &now) < 0)
		fail("registers cannot be written");
	return count;
}

int main(int argc, char **argv)
{
	unsigned section = 0;
	int stopped, status;

	if (argc < 2) {
		fprintf(stderr, "usage: steps PROGRAM [ARGUMENT ...]\n");
		return 2;
	}
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 && kill(getpid(), SIGSTOP) == 0)
			execv(argv[1], argv + 1);
		fail(argv[1]);
	}
	if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
		fail("the program does not start");
	/* execve() is an event of its own then, not one more SIGTRAP. */
	if (ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		fail("the program cannot be traced");
	for (int with = 0;; with = stopped == SIGTRAP ? 0 : stopped) {
		stopped = go_on(PTRACE_CONT, with);
		if (stopped != SIGTRAP || !is_marker(registers().rip - 1))
			continue;
		printf("section %u: %lu instructions\n", section, count_section());
		fflush(stdout);
		section++;
	}
}
