/* Runs the table of system-call tests: differential [--list] [CASE...]; see case.h. */
#include "case.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern const struct test_case *const __start_test_cases[], *const __stop_test_cases[];

const char *self_path;

void exec_child_main(int argc, char **argv); /* exec.c: this program as the target of an execve */

static int compare(const void *left, const void *right)
{
	const struct test_case *a = *(const struct test_case *const *)left;
	const struct test_case *b = *(const struct test_case *const *)right;
	int order = strcmp(a->subject, b->subject);

	return order ? order : strcmp(a->name, b->name);
}

static void prepare_process(void)
{
	struct rlimit files = {CASE_OPEN_MAX, CASE_OPEN_MAX}, core = {0, 0};
	int null = open("/dev/null", O_RDWR);

	if (null > 0) {
		dup2(null, 0);
		close(null);
	}
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &core);
	setgroups(0, NULL); /* only root's host has any, and the guest has none */
	umask(022);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path) < 0 ? -1 : 0;
}

static volatile pid_t running;

static void stop_case(int number)
{
	(void)number;
	kill(-running, SIGKILL);
}

static void run_case(const struct test_case *test)
{
	char directory[64];
	int status;
	pid_t pid;

	say("case %s.%s\n", test->subject, test->name);
	if (test->root && geteuid() != 0) {
		say("end skipped: needs root\n");
		return;
	}
	snprintf(directory, sizeof(directory), "%s.%s", test->subject, test->name);
	if (mkdir(directory, 0755) < 0)
		say("cannot make a directory: %s\n", error_name(errno));
	pid = fork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		setpgid(0, 0);
		if (chdir(directory) < 0)
			_exit(99);
		alarm(CASE_SECONDS);
		test->run();
		_exit(0);
	}
	if (pid < 0) {
		say("end cannot fork: %s\n", error_name(errno));
		return;
	}
	setpgid(pid, pid);
	running = pid;
	alarm(CASE_SECONDS + 1); /* some cases use up their own alarm */
	while (waitpid(pid, &status, 0) < 0)
		must("waitpid", errno == EINTR ? 0 : -1);
	alarm(0);
	kill(-pid, SIGKILL); /* what it left running */
	say_status("end", status);
	if (nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS) < 0)
		say("cannot remove the directory: %s\n", error_name(errno));
}

int main(int argc, char **argv)
{
	size_t count = __stop_test_cases - __start_test_cases;
	const struct test_case **tests;
	bool list = argc > 1 && strcmp(argv[1], "--list") == 0;

	if (argc > 1 && strncmp(argv[1], "--exec-", 7) == 0)
		exec_child_main(argc, argv);
	self_path = argv[0];
	tests = calloc(count, sizeof(*tests));
	memcpy(tests, __start_test_cases, count * sizeof(*tests));
	qsort(tests, count, sizeof(*tests), compare);
	if (list) {
		for (size_t i = 0; i < count; i++)
			say("%s.%s\n", tests[i]->subject, tests[i]->name);
		return 0;
	}
	if (self_path[0] != '/') {
		fprintf(stderr, "differential: start me by an absolute path, not \"%s\"\n", self_path);
		return 2;
	}
	prepare_process();
	handle(SIGALRM, stop_case, 0);
	for (size_t i = 0; i < count; i++) {
		char full[96];
		bool wanted = argc == 1;

		snprintf(full, sizeof(full), "%s.%s", tests[i]->subject, tests[i]->name);
		for (int j = 1; j < argc; j++)
			wanted |= strcmp(argv[j], full) == 0 || strcmp(argv[j], tests[i]->subject) == 0;
		if (wanted)
			run_case(tests[i]);
	}
	free(tests);
	say("all cases ran\n");
	return 0;
}
