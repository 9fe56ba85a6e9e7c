/*
 * The shared domains of a run, in the broker; where the backend has `remote`, the private ones of its
 * processes, too. A `number` names a shared domain, or a private one of the process that asks.
 */
#ifndef NATIVE_SHARED_H
#define NATIVE_SHARED_H

#include "native/broker.h"

/* A process that asks. Its index, from 1 to BROKER_PROCESSES_MAX - 1, is its client's in every domain, and
 * its thread slots begin at index * BROKER_SLOTS. */
struct shared_process {
	unsigned index;
	uint32_t pid; /* in its own PID namespace */
	pid_t outer;  /* in the broker's */
	uint32_t uid, gid;
};

#define SHARED_WAIT                                                                                          \
	-4096 /* no errno: not yet: another process runs the init function, or the last ones are leaving */

/*
 * BROKER_ATTACH and BROKER_JOIN. 0: *answer and `descriptors` (the domain's memory, its image) are filled in;
 * SHARED_WAIT; or -errno. `image` stays the caller's.
 */
long shared_attach(int image, const struct broker_request *request, const struct shared_process *process,
                   struct broker_answer *answer, int descriptors[2]);
long shared_join(unsigned number, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2]);

/* BROKER_READY: 0, or -EINVAL. */
long shared_ready(unsigned number, const struct shared_process *process, long result);

/* The process leaves; what it had is gone when shared_is_client() says so. */
void shared_leave(unsigned number, unsigned index);
bool shared_is_client(unsigned number, unsigned index);
bool shared_is_server(pid_t process);   /* of a domain */
bool shared_has_client(unsigned index); /* of any domain */

/* The process is gone, wherever it was. */
void shared_end(unsigned index);

/* A child's place in all that its parent is attached to, which the child takes when it is there. 0 or
 * -ENOSPC. */
long shared_reserve(unsigned parent, unsigned child);
void shared_claim(const struct shared_process *child);

void shared_fail(unsigned number, unsigned index, const char *why); /* a client says so */

/* The run has ended: so do all children of the broker's. */
void shared_stop(void);

/* A child of the broker's has ended. */
void shared_reap(pid_t child, int status);

/* BROKER_CHANNEL: 0 with `descriptors` filled in, or -EINVAL. */
long shared_channel(unsigned number, unsigned index, int descriptors[2]);

/* For the broker's loop, of domains 0 to SHARED_DOMAINS_MAX - 1: the server's socket, or -1; it has something
 * to say. */
#define SHARED_DOMAINS_MAX 512
int shared_control(unsigned domain);
void shared_hear(unsigned domain);

/* Ends teardown functions that take too long. True: one is going on. */
bool shared_watch(void);

/* What nobody waits for any more is gone. */
void shared_sweep(void);

#endif
