/* The command line: "key=value ..." from the loader. */
#ifndef GUEST_OPTIONS_H
#define GUEST_OPTIONS_H

#include "lib/lib.h"

void options_init(const char *command);

/* A decimal number, or `otherwise` when the key is absent. A value that is no number stops the machine with a
 * sentence. */
uint64_t option_number(const char *key, uint64_t otherwise);

/* Does "key=NAME[,NAME...]" hold the name? */
bool option_holds(const char *key, const char *name);

#endif
