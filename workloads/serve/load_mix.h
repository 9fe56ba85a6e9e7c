/* Which commands the load generator sends, and what it knows of the items. */
#ifndef SERVE_LOAD_MIX_H
#define SERVE_LOAD_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/random.h"
#include "common/zipfian.h"

#define LOAD_SIZE_MAX 65536 /* bytes of a value */

extern const char *const load_mixes[]; /* read: 5 % are sets; update: 50 %; all: every command */

/* The answer to a command: head, for gets the number of the item's version, and with a body that and an end.
 */
struct answer {
	char head[320];
	unsigned head_size; /* 0: there will be no answer */
	bool has_unique;
	const char *body; /* NULL: none */
	size_t body_size;
	unsigned key; /* gets: which, and its version */
	uint32_t version;
	uint64_t began; /* ticks */
};

struct key {
	uint32_t version; /* of its value; each change is another */
	bool there;
};

/* The items of one connection, which nobody else changes, so that it can tell each answer. */
struct items {
	unsigned connection;
	struct random random;
	struct key *keys;
	uint64_t counter; /* an item that is counted up and down */
	bool counts;
	size_t log_start, log_end; /* an item that grows at both ends: a part of the contents; none: 0 */
	struct {                   /* what gets has told */
		unsigned key;
		uint32_t version;
		uint64_t unique;
	} seen;
};

/* For all: keys of a connection and bytes of a value. */
void load_open(uint64_t keys, uint64_t size, uint64_t mix);
void load_items(struct items *items, unsigned connection, uint64_t seed);

/* Writes the next command to `command`, and what it will be answered. The number of bytes. */
#define LOAD_COMMAND_MAX (LOAD_SIZE_MAX + 512)
size_t load_first(struct items *items, unsigned key, char *command, struct answer *answer); /* stores it */
size_t load_next(struct items *items, char *command, struct answer *answer);

#endif
