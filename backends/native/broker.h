/*
 * The broker of a run: a process beside the run's process tree, out of its sight, that owns the shared
 * domains. It keeps their memory (memfd), their numbers, who is attached with which thread slots, and runs
 * their teardown functions. Processes ask it by messages of one packet each, on a connection each.
 *
 * Applications could connect, too: a request counts only with the run's secret, which the runtime alone knows
 * (native.h: WORD_SECRET). Who asks is told by the kernel (SO_PEERCRED), but for the number that the process
 * has in its own PID namespace.
 */
#ifndef NATIVE_BROKER_H
#define NATIVE_BROKER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "native/domain.h"

#define BROKER_NAME_SIZE                                                                                     \
	40 /* of its socket's name without the leading NUL (unix(7), abstract), NUL included */
#define BROKER_SECRET_SIZE 33 /* hexadecimal digits, NUL included */

/* Thread slots of a process, the same ones in all shared domains. The first ones are the broker's own. */
#define BROKER_SLOTS         16
#define BROKER_PROCESSES_MAX (PORTCULLIS_THREADS_MAX / BROKER_SLOTS)
#define BROKER_NO_DOMAIN     NATIVE_DOMAINS_MAX

enum broker_kind {
	BROKER_START,  /* the process executes another program: it has left all domains */
	BROKER_ATTACH, /* the image in the descriptor, for `number`'s stubs: memory and image copy, by
	                  descriptors */
	BROKER_JOIN,   /* a library that one attached calls, `number`: the same */
	BROKER_READY,  /* init of `number` has returned `value` */
	BROKER_LEAVE,  /* leaves `number`: answered when its teardown function has returned */
	BROKER_FORK,   /* there will be a child: a ticket for it */
	BROKER_CLAIM,  /* the child, with ticket `value`: attached to what its parent is */
	BROKER_CANCEL, /* there is no child with ticket `value` */
	BROKER_BORN, /* there is, as process `number` of the asking one's namespace: its pidfd, by descriptor
	              */
	BROKER_WIRE, /* end `count` of the wire `value`, for `number`: both regions, its own first */
	BROKER_UNWIRE,  /* `number` has no wire any more */
	BROKER_FAIL,    /* a call of `number` did what `text` says */
	BROKER_WATCH,   /* an execute watchpoint at `value` (watchpoint.h) */
	BROKER_CHANNEL, /* the child's way to the server of `number`, by descriptor (backends with `remote`)
	                 */
};

struct broker_request {
	char secret[BROKER_SECRET_SIZE];
	uint32_t kind;    /* enum broker_kind */
	uint32_t pid;     /* in the process's own namespace */
	uint32_t number;  /* of a domain; BROKER_ATTACH of a private one: which it shall have */
	uint32_t from;    /* BROKER_ATTACH: of the shared library that asks, or BROKER_NO_DOMAIN */
	uint32_t private; /* BROKER_ATTACH: not 0: for this process alone */
	uint32_t count;   /* BROKER_ATTACH: of the stubs, as `interface` */
	uint64_t interface;
	int64_t value;
	uint64_t size;          /* BROKER_WIRE: bytes of a region */
	uint64_t device, inode; /* BROKER_WIRE: of the image */
	char text[NATIVE_WHY_SIZE];
};

struct broker_answer {
	int64_t result; /* 0, a ticket, or -errno with a sentence in `reason`, or none */
	uint32_t number;
	uint32_t private;
	uint32_t first_slot;
	uint32_t initialise; /* not 0: this process runs init, and others wait until it says BROKER_READY */
	uint64_t device, inode;            /* of the image */
	uint8_t calls[NATIVE_DOMAINS_MAX]; /* the libraries that this one calls */
	char reason[NATIVE_WHY_SIZE];
};

/* ---- the runner's side
 * --------------------------------------------------------------------------------------
 */

struct broker {
	pid_t pid;
	int stop; /* closed: the broker ends */
	char name[BROKER_NAME_SIZE], secret[BROKER_SECRET_SIZE];
};

/* Starts the broker of a run on the backend. 0 or -errno. */
int broker_start(struct broker *broker, const char *backend);

/* The run's processes are gone. *usage: what the broker and its helpers have used. */
void broker_stop(struct broker *broker, struct rusage *usage);

/* ---- the runtime's side (ask.c)
 * -----------------------------------------------------------------------------
 */

/* What the runtime was told at its start; `secret` is wiped there. */
void broker_know(const char *name, char *secret);
const char *broker_name(void);
const char *broker_secret(void); /* for the next program of this process */

/*
 * Asks; `path` (NULL: none) names the image for BROKER_ATTACH. `take` (NULL: nothing) gets an answer that
 * comes with descriptors of memory and image copy, which are open in no thread of the program; what it
 * returns becomes the answer's result. All signals wait meanwhile. Without a broker the result is -ENOTCONN.
 * One thread at a time.
 */
typedef long broker_take(struct broker_answer *answer, int memory, int image);
void broker_ask(struct broker_request *request, const char *path, broker_take *take,
                struct broker_answer *answer);

#endif
