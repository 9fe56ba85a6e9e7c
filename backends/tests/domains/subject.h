/* A library for tests of domains: each function does one thing inside. Results below 0 are -errno. */
#ifndef TESTS_SUBJECT_H
#define TESTS_SUBJECT_H

#include <stddef.h>
#include <stdint.h>

long subject_initialised(void); /* how often the init function has run */
long subject_add(long amount);  /* to the library's counter; returns its new value */

/* Adds 1 under a lock, and lets other threads run in between. */
long subject_add_slowly(void);

/* The caller's client, and the one that the teardown function was told last; 0: none. */
uint64_t subject_client(void);
uint64_t subject_departed(void);

void *subject_allocate(size_t size); /* from the heap of 256 KiB; NULL: it is full */
long subject_release(void *memory);
long subject_recurse(long depth); /* frames of 1 KiB on the stack of 16 KiB */

/* System calls of the library. */
long subject_getpid(void);
long subject_write(int fd, const void *from, size_t size); /* at most 64 bytes, from its own copy */
long subject_wait(int ready, int fd); /* writes a byte to `ready`, then reads one from `fd` */
long subject_read_until_timer(int fd, long microseconds); /* arms ITIMER_REAL, then reads from `fd` */
long subject_work_until_timer(long microseconds,
                              int *seen); /* arms it, computes for thrice as long; returns *seen */
long subject_execute(const char *path);   /* execve() */

/* Sends the signal to its own process; returns *seen some time later. */
long subject_signal(int number, int *seen);
/* Likewise; then adds 1 to the counter. */
long subject_signal_and_add(int number);

#endif
