/* A library for tests of events and failures. */
#ifndef TESTS_FRAGILE_H
#define TESTS_FRAGILE_H

long fragile_pair(
        void); /* adds 1 to two numbers, one after the other, under a lock; the second one's value */
long fragile_difference(void);        /* of the two: 0 */
long fragile_departed(void);          /* clients that the teardown function was told of */
long fragile_user(void);              /* uid of the caller */
long fragile_fault(void);             /* crashes */
long fragile_turn(void);              /* never returns */
long fragile_wait(int ready, int fd); /* writes a byte to `ready`, then reads one from `fd`, until it can */

#endif
