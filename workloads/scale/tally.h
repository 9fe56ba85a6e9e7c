/* A library that keeps sums. */
#ifndef SCALE_TALLY_H
#define SCALE_TALLY_H

/* Adds to the sum of the calling process, and to that of all: the process's own. */
long tally_add(long amount);

/* The sum of all. */
long tally_total(void);

#endif
