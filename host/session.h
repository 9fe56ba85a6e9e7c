/* One guest as its user sees it: console, records, run lines, progress, and a verdict. */
#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include "host/buffer.h"
#include "host/perf.h"
#include "host/records.h"
#include "host/status.h"
#include "host/symbols.h"
#include "host/watch.h"

struct session {
	/* by the caller */
	bool verbose;                                 /* the console goes to standard output */
	bool quiet;                                   /* only failures are reported */
	struct output_file console, records, summary; /* opened */
	struct record_context context;
	const struct symbols *symbols;
	struct perf *perf;    /* counters to be read around each run, or NULL */
	unsigned timeout;     /* seconds, for the verdict's sentence */
	uint64_t limit_ticks; /* likewise */
	/* by the session */
	struct buffer tail; /* of the console since the current run's start */
	struct buffer boot; /* the JSON object of LINK_BOOT */
	char id[160];       /* of the current run, or of the last one: "ID" or "ID #2" */
	uint64_t run, of;   /* its number in the plan */
	bool running;       /* a run has started and not ended */
	char backend[32];   /* of the last record: at the end of a run, its own */
	uint64_t failures, records_written;
	char failure[REASON_MAX]; /* an output could not be written, or the guest's record was none */
};

/* For watch_guest(); the context is the session. */
void session_events(struct session *session, struct watch_events *events);

/* Explains the outcome on standard error. */
enum status session_verdict(struct session *session, const struct outcome *outcome);

/* Closes the outputs. False, after a sentence, when one of them fails only now. */
bool session_close(struct session *session);

#endif
