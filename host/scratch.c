#include "host/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		closedir(folder);
	rmdir(path);
}

/* Descriptors of the launcher's outputs would seem open to their readers as long as this process has them. */
static void close_all_but(int kept)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		dup2(null, i);
	if (kept > 3)
		close_range(3, (unsigned)kept - 1, 0);
	close_range((unsigned)kept + 1, UINT_MAX, 0);
}

/* Signals that end the launcher are blocked or sent to its group: this process outlives them. */
static _Noreturn void sweep(const char *path, int alive)
{
	sigset_t all;
	char byte;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	close_all_but(alive);
	while (read(alive, &byte, 1) < 0 && errno == EINTR)
		;
	remove_folder(path);
	_exit(0);
}

static int start_sweeper(struct scratch *scratch)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	scratch->sweeper = fork();
	if (scratch->sweeper == 0) {
		close(ends[1]);
		sweep(scratch->path, ends[0]);
	}
	close(ends[0]);
	scratch->alive = ends[1];
	if (scratch->sweeper > 0)
		return 0;
	close(ends[1]);
	return -1;
}

int scratch_create(struct scratch *scratch, bool shared, char *reason, size_t size)
{
	const char *parent = getenv("TMPDIR");
	int length;

	if (!parent || !*parent)
		parent = "/tmp";
	length = snprintf(scratch->path, sizeof(scratch->path), "%s/portcullis-XXXXXX", parent);
	if (length >= (int)sizeof(scratch->path)) {
		snprintf(reason, size, "TMPDIR %s: too long a path for sockets", parent);
		return -1;
	}
	if (!mkdtemp(scratch->path)) {
		snprintf(reason, size, "no folder %s: %s", scratch->path, strerror(errno));
		return -1;
	}
	if (start_sweeper(scratch) < 0) {
		snprintf(reason, size, "no process to sweep %s: %s", scratch->path, strerror(errno));
		rmdir(scratch->path);
		return -1;
	}
	if (!shared || chmod(scratch->path, 0711) == 0)
		return 0;
	snprintf(reason, size, "%s: %s", scratch->path, strerror(errno));
	scratch_remove(scratch);
	return -1;
}

void scratch_remove(struct scratch *scratch)
{
	close(scratch->alive);
	while (waitpid(scratch->sweeper, NULL, 0) < 0 && errno == EINTR)
		;
}
