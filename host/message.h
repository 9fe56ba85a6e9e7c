/* What the launcher says on standard error: "portcullis: SENTENCE". */
#ifndef HOST_MESSAGE_H
#define HOST_MESSAGE_H

#include "exit_status.h"

#include <stdbool.h>

/* Ends the launcher with a sentence. Only before a machine is started. */
_Noreturn void die(enum exit_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sentence for a caller to pass on. */
struct error {
	char text[512];
};

/* Fills in the sentence and returns false, for `return error_set(...)`. */
bool error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
