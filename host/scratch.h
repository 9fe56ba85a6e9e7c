/*
 * A folder of short-lived files for programs that are no children of the launcher, and cannot inherit memory
 * files. It goes away with the launcher, whatever the way it ends: a process of its own waits for that.
 */
#ifndef HOST_SCRATCH_H
#define HOST_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SCRATCH_PATH_MAX 96 /* of the folder, NUL included: paths of sockets are short */

struct scratch {
	char path[SCRATCH_PATH_MAX];
	pid_t sweeper;
	int alive; /* the sweeper waits for its end */
};

/*
 * Makes the folder in $TMPDIR, or in /tmp. `shared`: other users may enter it, and read files in it. 0, or -1
 * with a sentence in `reason`.
 */
int scratch_create(struct scratch *scratch, bool shared, char *reason, size_t size);

/* Removes the folder and the files in it. Once. */
void scratch_remove(struct scratch *scratch);

#endif
