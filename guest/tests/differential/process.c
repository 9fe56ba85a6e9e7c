/* Processes: creation, exit, waiting, groups, sessions, stop and continue. */
#include "case.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>

#define SUBJECT "process"

CASE(exit_status)
{
	static const int statuses[] = {0, 1, 127, 128, 255, 256, 257, -1, 0x1234};

	for (size_t i = 0; i < COUNT(statuses); i++)
		in_child("child", exit_with, (void *)&statuses[i]);
}

static void raw_exit(void *argument)
{
	(void)argument;
	syscall(SYS_exit, 7);
}

CASE(exit_of_the_only_thread)
{
	in_child("child", raw_exit, NULL);
}

static void compare_identity(void *argument)
{
	pid_t parent = *(pid_t *)argument;

	say("parent known: %d, own number differs: %d, thread is process: %d\n", getppid() == parent,
	    getpid() != parent, syscall(SYS_gettid) == getpid());
}

CASE(identity)
{
	pid_t self = getpid(), pid;

	say("thread is process: %d\n", syscall(SYS_gettid) == self);
	pid = start_child(compare_identity, &self);
	finish_child("child", pid);
	say("child's number: %d\n", pid > 0 && pid != self);
	say_result("set_tid_address", syscall(SYS_set_tid_address, NULL) == self);
}

static void orphan(void *argument)
{
	int *pipes = argument;
	pid_t middle = getpid();
	char byte;

	if (must("fork", fork()) == 0) {
		close(pipes[1]);
		read(pipes[0], &byte, 1); /* until the case says that the middle one is gone */
		say("orphan has another parent: %d\n", getppid() != middle);
		_exit(0);
	}
	_exit(1);
}

CASE(orphans_get_another_parent)
{
	int pipes[2], done[2];
	char byte;
	pid_t pid;

	must("pipe", pipe(done));
	must("pipe", pipe(pipes));
	pid = start_child(orphan, pipes);
	finish_child("middle", pid);
	close(done[1]);
	close(pipes[1]);
	/* The orphan holds the last writing end of no pipe but its own copy of done. */
	read(done[0], &byte, 1);
	say_result("not mine to wait for", wait(NULL));
}

static int vfork_value;

CASE(vfork_shares_memory)
{
	pid_t pid = vfork();

	if (pid == 0) {
		vfork_value = 42;
		_exit(3);
	}
	say("value %d\n", vfork_value);
	finish_child("child", pid);
}

struct clone_state {
	int value;
	int fd;
	int child_tid, parent_tid;
};

static int cloned(void *argument)
{
	struct clone_state *state = argument;

	state->value = 42;
	if (state->fd >= 0)
		close(state->fd);
	chdir("elsewhere");
	return 12;
}

static void *new_stack(void)
{
	return (char *)mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) +
	       16 * PAGE;
}

static void try_clone(const char *what, int flags)
{
	struct clone_state state = {0, open(".", O_RDONLY), 0, 0};
	char text[4096];
	pid_t pid = clone(cloned, new_stack(), flags | SIGCHLD, &state, &state.parent_tid, NULL,
	                  &state.child_tid);

	if (pid < 0) {
		say_result(what, pid);
		return;
	}
	finish_child(what, pid);
	say("value %d, descriptor %s, parent's word %d\n", state.value,
	    fcntl(state.fd, F_GETFD) < 0 ? "closed" : "open", state.parent_tid == pid);
	must("getcwd", getcwd(text, sizeof(text)) ? 0 : -1);
	say("directory changed: %d\n", strcmp(strrchr(text, '/'), "/elsewhere") == 0);
	if (strcmp(strrchr(text, '/'), "/elsewhere") == 0)
		chdir("..");
	close(state.fd);
}

CASE(clone_shares)
{
	must("mkdir", mkdir("elsewhere", 0755));
	try_clone("nothing", 0);
	try_clone("memory", CLONE_VM | CLONE_VFORK);
	try_clone("files", CLONE_FILES);
	try_clone("directory", CLONE_FS);
	try_clone("parent's word", CLONE_PARENT_SETTID);
	try_clone("all",
	          CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_PARENT_SETTID | CLONE_VFORK);
}

CASE(clone_errors)
{
	say_result("thread without handlers",
	           syscall(SYS_clone, CLONE_THREAD | CLONE_VM, NULL, NULL, NULL, 0));
	say_result("handlers without memory", syscall(SYS_clone, CLONE_SIGHAND, NULL, NULL, NULL, 0));
}

static int return_five(void *argument)
{
	(void)argument;
	return 5;
}

CASE(clone_without_signal)
{
	int status;
	pid_t pid = clone(return_five, new_stack(), 0, NULL);

	must("clone", pid);
	say_result("plain wait", waitpid(pid, &status, 0));
	say("__WCLONE: %d\n", waitpid(pid, &status, __WCLONE) == pid);
	say_status("status", status);
	pid = clone(return_five, new_stack(), 0, NULL);
	say("__WALL: %d\n", waitpid(pid, &status, __WALL) == pid);
}

static int *shared_word;

static int check_word(void *argument)
{
	(void)argument;
	return *shared_word == syscall(SYS_gettid) ? 0 : 1;
}

CASE(clone_child_words)
{
	pid_t pid;

	shared_word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = clone(check_word, new_stack(), CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL, NULL, shared_word);
	finish_child("set in the child", pid);
	*shared_word = 99;
	pid = clone(return_five, new_stack(), CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL,
	            shared_word);
	finish_child("cleared at exit", pid);
	say("word %d\n", *shared_word);
}

static void group_calls(void *argument)
{
	pid_t self = getpid(), parent = getppid(), group = getpgrp();

	(void)argument;
	say("inherited: %d, session %d\n", group == getpgid(parent), getsid(0) == getsid(parent));
	say_result("own group", setpgid(0, 0));
	say("leads: %d %d\n", getpgrp() == self, getpgid(0) == self);
	say_result("back", setpgid(0, group));
	say("back: %d\n", getpgrp() == group);
	say_result("unknown group", setpgid(0, 999999));
	say_result("unknown process", setpgid(999999, 0));
	say_result("parent", setpgid(parent, 0));
	say_result("negative", setpgid(0, -1));
	say_result("getpgid of nothing", getpgid(999999));
	say_result("getsid of nothing", getsid(999999));
	say_result("negative getpgid", getpgid(-1));
}

static void session_calls(void *argument)
{
	pid_t self = getpid();

	(void)argument;
	say("new session: %d\n", setsid() == self);
	say("leads: %d %d\n", getsid(0) == self, getpgrp() == self);
	say_result("again", setsid());
	say_result("group of a session leader", setpgid(0, 0));
}

CASE(groups_and_sessions)
{
	in_child("groups", group_calls, NULL);
	in_child("sessions", session_calls, NULL);
	say_result("setsid of a group leader", setsid());
}

CASE(signal_to_a_group)
{
	pid_t pids[3], leader = 0;
	int status;

	for (int i = 0; i < 3; i++) {
		pids[i] = start_child(wait_for_ever, NULL);
		must("setpgid", setpgid(pids[i], leader));
		if (!leader)
			leader = pids[0];
	}
	say_result("signal 0", kill(-leader, 0));
	say_result("SIGTERM", kill(-leader, SIGTERM));
	for (int i = 0; i < 3; i++)
		finish_child("member", pids[i]);
	say_result("empty group", kill(-leader, SIGTERM));
	say_result("wait", wait(&status));
}

static void kill_own_group(void *argument)
{
	(void)argument;
	setpgid(0, 0);
	kill(0, SIGUSR1);
	_exit(0);
}

CASE(signal_to_own_group)
{
	in_child("child", kill_own_group, NULL);
}

static volatile int children_reported;

static void child_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	children_reported++;
	say("handler: %s, code %d, status %d, user %d\n", signal_name(number),
	    info->si_code == CLD_DUMPED ? CLD_KILLED : info->si_code, info->si_status,
	    info->si_uid == getuid());
}

/* A child's signal may come later than what waitpid tells. */
static void await_reports(int count)
{
	while (children_reported < count)
		sleep_ms(1);
}

CASE(child_signal_fields)
{
	struct sigaction action = {.sa_sigaction = child_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	int number = 9, term = SIGTERM, status;
	pid_t pid;

	must("sigaction", sigaction(SIGCHLD, &action, NULL));
	in_child("exits", exit_with, &number);
	in_child("dies", die_of, &term);
	pid = start_child(wait_for_ever, NULL);
	must("kill", kill(pid, SIGSTOP));
	await_reports(3);
	must("wait", waitpid(pid, &status, WUNTRACED));
	say_status("status", status);
	must("kill", kill(pid, SIGCONT));
	await_reports(4);
	must("wait", waitpid(pid, &status, WCONTINUED));
	say_status("status", status);
	must("kill", kill(pid, SIGKILL));
	await_reports(5);
	finish_child("killed", pid);
	action.sa_flags |= SA_NOCLDSTOP;
	must("sigaction", sigaction(SIGCHLD, &action, NULL));
	children_reported = 0;
	pid = start_child(wait_for_ever, NULL);
	must("kill", kill(pid, SIGSTOP));
	must("wait", waitpid(pid, &status, WUNTRACED));
	say("reports of a stop: %d\n", children_reported);
	must("kill", kill(pid, SIGKILL));
	finish_child("killed", pid);
}

CASE(zombie_can_be_signalled)
{
	siginfo_t info;
	pid_t pid = start_child(end_at_once, NULL);

	must("waitid", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	say_result("signal 0", kill(pid, 0));
	say_result("SIGKILL", kill(pid, SIGKILL));
	say("group still known: %d\n", getpgid(pid) == getpgrp());
	finish_child("status unchanged", pid);
	say_result("after", kill(pid, 0));
}

CASE(kill_errors)
{
	say_result("no such process", kill(999999, 0));
	say_result("no such signal", kill(getpid(), 65));
	say_result("negative signal", kill(getpid(), -1));
	say_result("tgkill wrong group", syscall(SYS_tgkill, getppid(), getpid(), 0));
	say_result("tgkill zero", syscall(SYS_tgkill, 0, getpid(), 0));
	say_result("tgkill negative", syscall(SYS_tgkill, getpid(), -1, 0));
	say_result("tkill", syscall(SYS_tkill, getpid(), 0));
	say_result("tkill nobody", syscall(SYS_tkill, 999999, 0));
	say_result("tkill negative", syscall(SYS_tkill, -1, 0));
}

CASE(name_of_process)
{
	char name[32] = "";

	say_result("set", prctl(PR_SET_NAME, "a-name-of-more-than-15"));
	say_result("get", prctl(PR_GET_NAME, name));
	say("\"%s\"\n", name);
	say_result("bad pointer", prctl(PR_SET_NAME, BAD));
	say_result("unknown option", prctl(0x7fffffff, 0, 0, 0, 0));
}

static void spin(void)
{
	struct rusage usage;

	do
		getrusage(RUSAGE_SELF, &usage);
	while (usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 20000);
}

static void spin_child(void *argument)
{
	(void)argument;
	spin();
}

CASE(usage_counts)
{
	struct rusage self, children;
	struct tms times_now;
	int status;
	pid_t pid;

	must("getrusage", getrusage(RUSAGE_CHILDREN, &children));
	say("children before: %ld\n",
	    (long)(children.ru_utime.tv_sec + children.ru_utime.tv_usec + children.ru_stime.tv_usec));
	pid = start_child(spin_child, NULL);
	must("wait4", wait4(pid, &status, 0, &self));
	say_status("child", status);
	say("its time: %d\n",
	    self.ru_utime.tv_sec * 1000000 + self.ru_utime.tv_usec + self.ru_stime.tv_usec >= 20000);
	must("getrusage", getrusage(RUSAGE_CHILDREN, &children));
	say("children: %d\n", children.ru_utime.tv_usec == self.ru_utime.tv_usec);
	say_result("unknown whose", getrusage(77, &self));
	say_result("bad pointer", syscall(SYS_getrusage, RUSAGE_SELF, BAD));
	say("times: %d\n",
	    times(&times_now) != (clock_t)-1 && times_now.tms_cutime + times_now.tms_cstime >= 1);
}

CASE(scheduling_calls)
{
	unsigned long mask[16] = {0};

	say_result("yield", sched_yield());
	say_result("affinity", syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) > 0);
	say("first words: %d\n", mask[0] != 0 || mask[1] != 0);
	say_result("same mask", syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
	say_result("odd size", syscall(SYS_sched_getaffinity, 0, 3, mask));
	say_result("bad pointer", syscall(SYS_sched_getaffinity, 0, sizeof(mask), BAD));
	say_result("nobody", syscall(SYS_sched_getaffinity, 999999, sizeof(mask), mask));
	memset(mask, 0, sizeof(mask));
	say_result("no CPU", syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask));
}
