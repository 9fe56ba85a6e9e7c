/* Runs one guest on one engine to its end and says how it ended. Knows no engine and no file of the user. */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include "host/engine.h"

/* What the watcher's caller gets while the guest runs. */
struct watch_events {
	void (*console)(void *context, const char *text, size_t size);
	/* A whole line of the guest: LINK_BOOT, LINK_RECORD, LINK_START, LINK_DONE. False: stop the guest,
	 * nothing can go on. */
	bool (*line)(void *context, char type, const char *payload, size_t size);
	void (*idle)(void *context, unsigned seconds); /* a few times a second; seconds since the start */
	void *context;
};

enum cause {
	CAUSE_ENDED, /* the guest sent its end, with end_status */
	CAUSE_PANIC, /* the kernel stopped itself: `text`, trace */
	CAUSE_TRIPLE_FAULT,
	CAUSE_VANISHED, /* the child ended before the guest did: `text` is what is known */
	CAUSE_TICK_LIMIT,
	CAUSE_TIMEOUT,
	CAUSE_SIGNAL,  /* the launcher got signal `number` */
	CAUSE_REFUSED, /* events.line() returned false */
};

struct outcome {
	enum cause cause;
	unsigned end_status;    /* CAUSE_ENDED: of LINK_END */
	int signal;             /* CAUSE_SIGNAL */
	uint64_t lost, damaged; /* lines of the guest */
	char text[REASON_MAX];
	struct diagnosis
	        diagnosis; /* trace and more, where known; of a guest that ended itself, statistics only */
};

/*
 * `timeout`: seconds, 0: none. 0 when the guest was started, whatever became of it; -1 with a sentence in
 * `reason`. The child and all it started are gone when this returns.
 */
int watch_guest(const struct engine *engine, const struct engine_config *config, unsigned timeout,
                const struct watch_events *events, struct outcome *outcome, char *reason, size_t size);

#endif
