/* Takes the guest's byte stream (guest/abi/link.h) apart: console text, and lines that are whole and in
 * order. */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_LINE_MAX 16384 /* bytes between LINK_MARK and newline; a longer line is damaged */

struct link_handler {
	void (*console)(void *context, const char *text, size_t size);
	/* `payload` is terminated (it holds no NUL of its own) and valid during the call. */
	void (*line)(void *context, char type, const char *payload, size_t size);
	/* A guest's first line came after others: its machine was reset. NULL: such a line is damaged. */
	void (*restart)(void *context);
	void *context;
};

struct link {
	struct link_handler handler;
	uint64_t expected;      /* sequence number of the next line */
	uint64_t lost;          /* lines that never came, by their numbers */
	uint64_t damaged;       /* lines with a wrong form or sum */
	uint64_t damaged_since; /* ... since the last good one: they explain a gap of as many numbers */
	bool in_line, too_long;
	size_t used;
	char line[LINK_LINE_MAX + 1];
};

void link_init(struct link *link, const struct link_handler *handler);
void link_feed(struct link *link, const char *bytes, size_t size);
/* The stream is over: an unfinished line is damaged. */
void link_finish(struct link *link);

#endif
