/*
 * Performance counters of a guest's child process, by perf_event_open(2): what the CPU and the host's kernel
 * count while a run of the plan is executed. An event that cannot be had is left out with its reason; nothing
 * fails for it.
 */
#ifndef HOST_PERF_H
#define HOST_PERF_H

#include "host/buffer.h"
#include "host/engine.h"

#include <linux/perf_event.h>

/* Of a counter: what perf_event_open(2) returns for PERF_FORMAT_TOTAL_TIME_ENABLED and _RUNNING. */
struct perf_reading {
	uint64_t value;
	uint64_t enabled,
	        running; /* nanoseconds in which it was wanted, and in which the CPU had room for it */
};

/* The difference of two readings, scaled to the whole time. */
enum perf_result {
	PERF_EXACT,  /* it counted all the time */
	PERF_SCALED, /* it shared the CPU's counters with others: an estimate */
	PERF_NEVER,  /* it did not count at all: there is no number */
};
struct perf_count {
	enum perf_result result;
	uint64_t value;
	double factor;             /* by which it was scaled, 1: not at all */
	uint64_t enabled, running; /* nanoseconds */
};
struct perf_count perf_difference(const struct perf_reading *before, const struct perf_reading *after);

/* An event that can be asked for. */
struct perf_event {
	const char *name; /* as in --counters */
	const char *help;
	const char *unit;
	/* Fills type and config. 0, or an errno with a sentence in `reason` that needs no further words. */
	int (*find)(const struct perf_event *event, struct perf_event_attr *attr, char *reason, size_t size);
	uint32_t type;
	uint64_t config;
};

/* All of them; name NULL after the last. */
extern const struct perf_event perf_events[];

/* The bits of the events in `list` ("cycles,page-faults", "all", "none") in *chosen. 0, or -1 with a
 * sentence. */
int perf_choose(const char *list, uint64_t *chosen, char *reason, size_t size);

/* "Cycles, NAME, ...", for --help. */
void perf_names(struct buffer *text);

/*
 * Why an event was refused, in words that follow "EVENTS: ". `paranoid`: kernel.perf_event_paranoid, or -9 if
 * it is not known.
 */
void perf_explain(int error, int paranoid, char *text, size_t size);

#define PERF_COUNTERS_MAX 64

/* One open counter: an event, or one side of it. */
struct perf_counter {
	const struct perf_event *event;
	char metric[40]; /* the event's name with _ for -, and _user, _kernel, _guest or _host */
	int fd;
	struct perf_reading start; /* at perf_start() */
};

struct perf {
	uint64_t chosen;           /* by the caller, with perf_choose() */
	enum engine_counts counts; /* by the caller: what the child is */
	unsigned count;
	struct perf_counter counters[PERF_COUNTERS_MAX];
	struct buffer remarks; /* a line for each reason: the events that are absent, and why */
};

/* Opens what was chosen on a process that has not started anything yet. */
void perf_open(struct perf *perf, pid_t pid);
/* Begins a section: the counters count on, and are read. */
void perf_start(struct perf *perf);
/* Ends it: what counter `index` has counted since perf_start(). */
struct perf_count perf_read(const struct perf *perf, unsigned index);
/* "kvm_exits 47, page_faults 12": all since perf_open(), for people. Empty without counters. */
void perf_describe(const struct perf *perf, struct buffer *text);
void perf_close(struct perf *perf);

#endif
