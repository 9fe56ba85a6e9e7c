/* A library that keeps numbered records, for clients that are killed at any time. */
#ifndef TESTS_STORE_H
#define TESTS_STORE_H

#define STORE_RECORDS 8

/*
 * Replaces a record: it is committed when this returns. `pause`: gives up the processor half-way, so that
 * others meet a client inside. The value, or -EINVAL.
 */
long store_put(long record, long value, long pause);

/* The record's value, also through *value: 0, -EINVAL, -EFAULT, or -EIO: it is torn. */
long store_get(long record, long *value);

long store_check(void); /* records that are torn */

#endif
