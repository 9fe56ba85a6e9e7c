/* Child processes that never outlive the launcher. */
#ifndef HOST_PROCESS_H
#define HOST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_KEEP_MAX 8

struct process {
	const char *const *argv;        /* argv[0] is searched in PATH; NULL-terminated */
	const char *const *environment; /* "NAME=VALUE" to set, NULL-terminated, or NULL */
	int keep[PROCESS_KEEP_MAX];     /* descriptors that the child inherits, under the same number */
	unsigned keep_count;
	void (*before)(void *context, pid_t pid); /* called before the child becomes the program, or NULL */
	void *context;
};

/*
 * Starts a child in a session of its own, standard input empty, standard output and error in pipes. It is
 * killed when the launcher ends, whatever the way. 0, or -1 with a sentence in `reason`.
 */
int process_start(const struct process *process, pid_t *pid, int *output, int *errors, char *reason,
                  size_t size);

/* Kills the child, if it is still there, and all of its group; reaps it. Returns its wait status. */
int process_kill(pid_t pid);

/* Waits for the child's own end and reaps it. Returns its wait status. */
int process_wait(pid_t pid);

/* The file that PATH has for `program`. False: none, or it may not be executed. */
bool process_find(const char *program, char *path, size_t size);

/* "exited with status 1", "was killed by signal 9 (Killed)" */
void process_describe_end(int wait_status, char *text, size_t size);

#endif
