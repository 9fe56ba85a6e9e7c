/* Servers of backend `process`: a process that has a domain, and a thread for each thread slot of its
 * clients. */
#ifndef NATIVE_SERVER_H
#define NATIVE_SERVER_H

#include "native/broker.h"

/* Between broker and server, one packet each. */
enum server_kind {
	SERVER_READY, /* to the broker: init has returned `result` */
	SERVER_ADD,   /* a client, with the descriptor of its channel; its thread slots follow from `index` */
	SERVER_REMOVE,  /* it leaves: its threads end, then teardown is called with the record at `client` */
	SERVER_REMOVED, /* to the broker: that has been done */
};

struct server_message {
	uint32_t kind;
	uint32_t index; /* of the client */
	int32_t pid;    /* of the client, as the server sees it */
	int32_t result;
	uint64_t client;
};

#define SERVER_NO_COPIES 2 /* exit status: the image's argument copies are not copy.S's */

struct server_task {
	const struct image_plan *plan;
	unsigned number;
	bool shared;
	bool ready;                /* init has been called: the memory is a copy */
	pid_t first;               /* the first client, on whose CPUs the server runs */
	uint64_t device, inode;    /* of the image */
	int memory;                /* of the domain, as map_domain() takes it */
	int control;               /* the broker is at the other end */
	const char *name, *secret; /* the broker's, for libraries that attach to others */
};

/* Never returns: the process ends when the broker closes its end, or by a fault in the library. */
_Noreturn void server_run(const struct server_task *task);

#endif
