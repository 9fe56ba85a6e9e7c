/*
 * An emulator's process. It leads its own session, so that a terminal's Ctrl-C reaches the launcher alone,
 * and the kernel kills it when the launcher is gone, however that happened.
 */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include "message.h"

#include <sys/types.h>

struct child {
	pid_t pid;  /* 0: none, or reaped */
	int output; /* its standard output and error, to be read without blocking */
};

struct child_request {
	char *const *argv;            /* argv[0] is looked up in PATH */
	const int *keep;              /* descriptors that it inherits; ends with -1 */
	const char *variable, *value; /* one environment variable, or NULL */
};

/* True: the program runs. False: it could not be executed; the sentence says why. */
bool child_start(struct child *child, const struct child_request *request, struct error *error);

/* True when it has ended: *status is what waitpid() said. Never blocks. */
bool child_reap(struct child *child, int *status);

/* Kills it and all that it started, and reaps it. */
void child_kill(struct child *child);

#endif
