/*
 * The monitor of a QEMU (QMP, QEMU's "QMP Reference Manual") on a connected socket: it tells of a triple
 * fault and answers questions about a guest that hangs. QEMU must not run the guest before qmp_open(): events
 * come after the first command only. Its option `-action reboot=shutdown` makes the reset that a triple fault
 * asks for an event.
 */
#ifndef HOST_QMP_H
#define HOST_QMP_H

#include "host/buffer.h"
#include "host/engine.h"

struct qmp {
	int *socket;         /* -1 once it is closed; the caller's, who polls it */
	struct buffer input; /* lines not yet taken */
	bool triple_fault, stopped;
	uint64_t trace[TRACE_MAX];
	unsigned depth;
	char registers[1024];
};

/* Begins the conversation. `qmp` is all zeroes. */
void qmp_open(struct qmp *qmp, int *socket);

/* Closes the socket and frees what there is. */
void qmp_close(struct qmp *qmp);

/* Sends a command, a line of JSON, and does not wait for its answer. */
void qmp_send(struct qmp *qmp, const char *line);

/* The socket is readable. True: the guest is dead, examine it. */
bool qmp_read(struct qmp *qmp);

/* Stops the guest and asks for its registers and stack: a few seconds at most. */
void qmp_examine(struct qmp *qmp);

/* What is known of the guest, but for `reason`. */
void qmp_diagnose(const struct qmp *qmp, struct diagnosis *diagnosis);

#endif
