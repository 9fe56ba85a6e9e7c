/*
 * Recorded sessions with a memcached server: text files of which each line is
 *
 *     > TEXT     sent, with an end of line
 *     >- TEXT    sent, without one
 *     >* N C     sent: the character C, N times, with an end of line
 *     < TEXT     the next line of the answers; a * at its end stands for anything
 *     <* N C     likewise, of N characters C
 *     pause      what was sent so far arrives by itself
 *     closed     the server closes the connection
 *     reset      the connection is cut, and the session ends
 *     # TEXT     a comment; so are empty lines
 */
#ifndef SERVE_SESSION_H
#define SERVE_SESSION_H

#include <stddef.h>

enum step { STEP_END, STEP_SEND, STEP_EXPECT, STEP_PAUSE, STEP_CLOSED, STEP_RESET };

struct session {
	const char *path;
	char *text, *at; /* the file, and its next line */
	unsigned line;   /* the number of the current step */
	char *data;      /* of the step: what to send, or the line to expect without its end */
	size_t size;
	size_t capacity;
};

/* A failure to read ends the program. */
void session_open(struct session *session, const char *path);
enum step session_next(struct session *session);
void session_close(struct session *session);

#endif
