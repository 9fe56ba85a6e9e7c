/*
 * Sleeping and waking. The kernel runs with interrupts off and one thread at a time, so a test followed by
 * thread_block() misses no wake-up as long as the entry was queued before the test.
 *
 *     struct wait_entry entry;
 *     wait_begin(&queue, &entry);
 *     while (!condition && !(error = thread_block(deadline)))
 *             ;
 *     wait_end(&entry);
 */
#ifndef GUEST_PROC_WAIT_H
#define GUEST_PROC_WAIT_H

#include "lib/lib.h"
#include "lib/list.h"

struct thread;

#define NO_DEADLINE UINT64_MAX

struct wait_queue {
	struct list entries;
};

struct wait_entry {
	struct list link;
	struct thread *thread;
};

void wait_queue_init(struct wait_queue *queue);
void wait_begin(struct wait_queue *queue, struct wait_entry *entry); /* the current thread */
void wait_end(struct wait_entry *entry);
void wake_all(struct wait_queue *queue);

/*
 * Sleeps until woken, or until the TSC reaches `deadline`. 0: woken (perhaps spuriously); -ETIMEDOUT;
 * -EINTR: a signal is pending that the thread must handle (turn it into -ERESTARTSYS or what the call needs).
 */
long thread_block(uint64_t deadline);

/* As above, but only the end of the process (checked by the caller in current_process()->exiting) or a
 * wake-up ends it. */
void thread_sleep_uninterruptibly(void);

/* Queues that one poll waits on. */
#define POLL_ENTRIES 2 /* most queues that one file has */
struct poll_table {
	struct wait_entry *entries; /* room for `room` entries */
	unsigned count, room;
};
void poll_wait(struct poll_table *table, struct wait_queue *queue); /* nothing when table is NULL */

#endif
