/*
 * churn processes|threads COUNT: creates COUNT of them, one after another and in small groups, and compares
 * the number of free frames before and after.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP 8 /* alive at a time */

static const char *self;
static int finished;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static unsigned long free_memory(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		fail("sysinfo");
	return info.freeram * info.mem_unit;
}

/* Every second child executes this program again; it exits with a status that tells it from another. */
static void churn_processes(int count)
{
	char *arguments[] = {(char *)(uintptr_t)self, "leave", NULL}, *environment[] = {NULL};

	for (int i = 0; i < count; i++) {
		int status, expected = i % 2 ? 42 : i % 41;
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			if (i % 2)
				execve(self, arguments, environment);
			_exit(i % 41);
		}
		if (waitpid(pid, &status, 0) != pid)
			fail("waitpid");
		if (!WIFEXITED(status) || WEXITSTATUS(status) != expected) {
			fprintf(stderr, "churn: child %d: status %x, not exit %d\n", i, status, expected);
			exit(1);
		}
	}
}

static void *count_one(void *argument)
{
	char volatile room[2 * 4096]; /* more of the stack than its first page */

	room[0] = 1;
	__atomic_fetch_add(&finished, room[0], __ATOMIC_SEQ_CST);
	return argument;
}

static void churn_threads(int count)
{
	pthread_t threads[GROUP];
	int wanted = finished + count;

	for (int left = count; left > 0; left -= GROUP) {
		int group = left < GROUP ? left : GROUP;

		for (int i = 0; i < group; i++)
			if ((errno = pthread_create(&threads[i], NULL, count_one, NULL)))
				fail("pthread_create");
		for (int i = 0; i < group; i++)
			if ((errno = pthread_join(threads[i], NULL)))
				fail("pthread_join");
	}
	if (finished != wanted) {
		fprintf(stderr, "churn: %d threads ran, not %d\n", finished, wanted);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	void (*churn)(int) = NULL;
	unsigned long before, after;

	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "leave") == 0)
		return 42;
	if (argc == 3 && strcmp(argv[1], "processes") == 0)
		churn = churn_processes;
	if (argc == 3 && strcmp(argv[1], "threads") == 0)
		churn = churn_threads;
	if (!churn || atoi(argv[2]) <= 0) {
		fprintf(stderr, "churn: usage: churn processes|threads COUNT\n");
		return 2;
	}
	churn(2 * GROUP); /* what the first ones keep: tables that grow, pages of this program */
	before = free_memory();
	churn(atoi(argv[2]));
	after = free_memory();
	printf("churn: %s %s, free before %lu, after %lu\n", argv[2], argv[1], before, after);
	return before == after ? 0 : 1;
}
