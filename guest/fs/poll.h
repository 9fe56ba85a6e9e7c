/* Waiting for files: what poll and select share. */
#ifndef GUEST_FS_POLL_H
#define GUEST_FS_POLL_H

#include "fs/file.h"

struct poll_item {
	struct file *file; /* owned reference; NULL: not looked at */
	unsigned wanted;   /* POLL*; POLLERR and POLLHUP always count */
	unsigned ready;    /* result: what is ready of these */
};

/*
 * Waits until an item is ready or the TSC reaches `deadline` (0: does not wait). How many items are ready (0:
 * time is over), or -EINTR when a signal came first, or -ENOMEM. Items of which `ready` is not 0 beforehand
 * count as ready.
 */
long poll_items(struct poll_item *items, unsigned count, uint64_t deadline);

void poll_items_put(struct poll_item *items, unsigned count); /* their references; frees the array */

/*
 * The time limits of ppoll and pselect6: reads a timespec (0: none) as a deadline, with 0 for "do not wait";
 * and writes back what is left. 0, -EFAULT, -EINVAL.
 */
long poll_deadline(uint64_t timespec, uint64_t *deadline);
void poll_put_left(uint64_t timespec, uint64_t deadline);

/* The nanoseconds until `deadline`, 0 when it is over. */
uint64_t poll_time_left(uint64_t deadline);
/* The deadline that lies so many nanoseconds ahead; 0 for 0. */
uint64_t poll_deadline_in(uint64_t ns);

/* Sets the signal mask that the call waits with, if there is one. 0, -EFAULT, -EINVAL. */
long poll_use_mask(uint64_t mask_address, size_t mask_size);

#endif
