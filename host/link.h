/* Takes the guest's byte stream (guest/abi/link.h) apart, in pieces of any size. */
#ifndef HOST_LINK_H
#define HOST_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_LINE_MAX 8192 /* bytes of a line between its mark and its newline */

/* Who hears what was found. payload ends with a NUL that size does not count. */
struct link_listener {
	void (*console)(void *context, const char *text, size_t size);
	void (*line)(void *context, char type, const char *payload, size_t size);
	void *context;
};

/* All zero but for the listener at first. */
struct link {
	struct link_listener listener;
	bool inside;       /* of a line */
	size_t used;       /* bytes of it */
	uint64_t expected; /* sequence number of the next line */
	uint64_t lost;     /* sequence numbers that never came */
	uint64_t damaged;  /* lines whose form, checksum or order was wrong; they are dropped */
	char text[LINK_LINE_MAX + 1];
};

void link_receive(struct link *link, const char *bytes, size_t size);

/* The stream has ended: a line that was not finished counts as damaged. */
void link_end(struct link *link);

#endif
