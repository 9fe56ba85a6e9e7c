/* The one source of random bytes: repeatable for a given `seed=` of the command line. */
#ifndef GUEST_RANDOM_H
#define GUEST_RANDOM_H

#include "lib/lib.h"

void random_init(uint64_t seed);
void random_bytes(void *to, size_t size);

#endif
