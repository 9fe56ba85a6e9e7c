/*
 * `portcullis calibrate`: a cost profile (harness/profiles/) of the present machine.
 *
 * The program of workloads/calibrate measures, on this Linux itself and in a guest; its records are gathered
 * here (gather.c), become events of a profile (events.c), and are written (profile.c). The command is
 * command.c.
 */
#ifndef HOST_CALIBRATE_CALIBRATE_H
#define HOST_CALIBRATE_CALIBRATE_H

#include "host/buffer.h"
#include "host/engine.h"

#define ROUNDS_MAX 1000
#define SPREAD_MAX                                                                                           \
	0.1 /* quartiles further apart than this part of the median: unstable, as in the harness             \
	     */

/* ---- series.c: numbers */

/* Values of repetitions. */
struct series {
	unsigned count;
	double values[ROUNDS_MAX];
};

struct summary {
	double median, first_quartile, third_quartile;
	unsigned count;
	bool unstable;
};

/* Of at least one value; quartiles by linear interpolation between the values around them. */
struct summary series_summary(const struct series *series);

/* ---- gather.c: what the program says */

/* One metric, measured by one run of the program. */
struct metric {
	char backend[32]; /* "unknown": this Linux itself */
	char name[32];
	char reason[REASON_MAX]; /* why there are no values */
	struct series values;    /* ticks of the time-stamp counter; of "tsc_rate", Hz */
};

#define METRICS_MAX 128
struct metrics {
	unsigned count;
	struct metric list[METRICS_MAX];
};

/* Takes a record of the program; others are passed over. False: it is damaged. */
bool metrics_take(struct metrics *metrics, const char *line, size_t size);

/* Takes from what the launcher says of runs that failed why a backend is not here: a metric METRIC_BACKEND of
 * it. */
void metrics_take_messages(struct metrics *metrics, const char *text);
#define METRIC_BACKEND "backend"

/* NULL: it is not there. One without values has its reason. */
const struct metric *metrics_find(const struct metrics *metrics, const char *backend, const char *name);

#define BACKEND_HOST "unknown" /* what the program takes for its backend outside of a guest */

/* Runs the program on this Linux, or in a guest on the engine. 0, or -1 with a sentence. */
int gather_host(unsigned rounds, struct metrics *metrics, char *reason, size_t size);
int gather_guest(const struct engine *engine, unsigned rounds, struct metrics *metrics, char *reason,
                 size_t size);

/* ---- events.c: what a profile names */

struct event {
	const char *name;
	char source[256];        /* how it was measured */
	char reason[REASON_MAX]; /* not empty: it was not */
	struct summary cycles;
};

#define EVENTS_MAX 32
struct events {
	unsigned count;
	struct event list[EVENTS_MAX];
	struct summary frequency; /* Hz of the core */
	struct summary tsc_rate;  /* Hz of the time-stamp counter */
	bool emulated;            /* every instruction takes one tick: this is no CPU but an emulator */
};

/* False: the program measured no cycle. */
bool events_make(const struct metrics *metrics, struct events *events);

/* ---- profile.c: the file */

struct provenance {
	const char *date, *host, *cpu, *guest, *command;
	unsigned rounds;
};

/*
 * Appends the profile. `base`: text of another one, whose events take the place of those that were not
 * measured, under its name; or NULL.
 */
void profile_write(const struct events *events, const struct provenance *provenance, const char *base,
                   const char *base_name, struct buffer *text);

/* Does the text have an event in a table of its own? Its lines behind the header, and their size. */
bool profile_find(const char *text, const char *event, const char **lines, size_t *size);

#endif
