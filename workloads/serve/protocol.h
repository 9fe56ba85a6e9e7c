/*
 * The memcached text protocol (memcached, doc/protocol.txt): what a command line says. A line that is wrong
 * has the answer that memcached gives to it.
 */
#ifndef SERVE_PROTOCOL_H
#define SERVE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_KEY_MAX  250
#define PROTOCOL_LINE_MAX 8192
#define PROTOCOL_DATA_MAX (INT32_MAX - 2)

enum verb {
	VERB_GET,
	VERB_GETS,
	VERB_SET, /* those from here to VERB_CAS have a data block behind the line */
	VERB_ADD,
	VERB_REPLACE,
	VERB_APPEND,
	VERB_PREPEND,
	VERB_CAS,
	VERB_INCR,
	VERB_DECR,
	VERB_DELETE,
	VERB_STATS,
	VERB_VERSION,
	VERB_QUIT,
};

struct token {
	const char *at; /* in the line */
	size_t size;
};

struct command {
	enum verb verb;
	struct token key; /* of get and gets: the first */
	uint32_t flags;
	int64_t expires; /* as sent */
	size_t size;     /* of the data block, without its end of line */
	uint64_t number; /* cas: which version; incr, decr: by how much */
	bool quiet;      /* noreply */
};

/* The next word of a line that ends at `end`, which *at is moved behind; an empty one: there is none. */
struct token protocol_word(const char **at, const char *end);

/* A line without its end. NULL, or the answer without its end of line. */
const char *protocol_parse(const char *line, size_t size, struct command *command);

/* A decimal number of 64 bits without sign. */
bool protocol_number(struct token token, uint64_t *number);

#endif
