/* Domains that have a server (server.c), in the broker: what becomes of their memory is shared.c's. */
#ifndef NATIVE_SERVED_H
#define NATIVE_SERVED_H

#include "native/channel.h"
#include "native/server.h"

/* A domain's server, and the ways of its clients to it, by their index. */
struct served {
	pid_t pid; /* 0: there is none */
	int control;
	struct channel *channels[BROKER_PROCESSES_MAX]; /* NULL: none */
	int descriptors[BROKER_PROCESSES_MAX];          /* of these */
};

void served_start(const char *name, const char *secret); /* what servers are told of the broker */

/* Starts a server; *task's control, name and secret are set here. 0 or -errno. */
long served_begin(struct served *served, const struct server_task *task);
void served_end(struct served *served); /* of it and all channels */

/* A channel for a client, of whose process the server learns by `pid`. 0 or -errno. */
long served_add(struct served *served, unsigned index, pid_t pid);
void served_drop(struct served *served, unsigned index); /* the channel of a client that has left */

/* Lets the server end the client's threads and call the teardown function. It answers SERVER_REMOVED. */
void served_remove(struct served *served, unsigned index, uint64_t client);

/* All calls return PORTCULLIS_FAILED, at once and from now on. */
void served_fail(struct served *served, const char *why);

#endif
