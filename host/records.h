/* Where results go: files of JSON lines. Each line reaches its file at once, so that a run that fails later
 * keeps it. */
#ifndef HOST_RECORDS_H
#define HOST_RECORDS_H

#include "host/engine.h"

#include <stdbool.h>
#include <stddef.h>

struct output_file {
	const char *path; /* NULL: not wanted; "-": standard output */
	int fd;
};

/* Creates or empties the file; a path of NULL is fine. 0, or -1 with a sentence. */
int output_open(struct output_file *file, char *reason, size_t size);
/* Appends `text`. A line that does not fit is taken back. 0, or -1 with a sentence. */
int output_write(struct output_file *file, const char *text, size_t length, char *reason, size_t size);
/* 0, or -1 with a sentence (what a network file system says only now). */
int output_close(struct output_file *file, char *reason, size_t size);

/* What the launcher knows of every record of a guest. */
struct record_context {
	const struct engine *engine;
	bool kvm;      /* of the engine's configuration */
	char cpu[128]; /* the guest's CPU model, from its LINK_BOOT line */
	const char *host;
	const char *run; /* --run-id, or NULL */
	char line[128];  /* id of the plan's line that runs; empty: none yet */
};

struct buffer;

/*
 * Appends the guest's record with what it lacks of kind, engine, cpu, commit, host, run and line, and a
 * newline. The unit "ticks" becomes what a tick is on this engine. False: `record` is no JSON object.
 */
bool record_complete(const struct record_context *context, const char *record, size_t size,
                     struct buffer *line);

#endif
