/* A library with an invariant: two numbers are equal whenever nobody is inside. */
#ifndef EVENTS_GUARDED_PAIR_H
#define EVENTS_GUARDED_PAIR_H

#include <stdint.h>

/* Adds 1 to both, with `rounds` rounds of work in between: the time-stamp counter at the end. */
uint64_t pair_add(long rounds);

long pair_difference(void);       /* of the two: 0 */
uint64_t pair_ended(void);        /* what the last pair_add() returned */
long pair_wait(int to, int from); /* writes a byte to `to`, then waits inside until it can read one */
long pair_overrun(void);          /* never returns */

#endif
