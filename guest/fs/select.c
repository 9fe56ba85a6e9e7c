/* select and pselect6: descriptor sets in front of poll_items(). */
#include "fs/abi.h"
#include "fs/fcntl.h"
#include "fs/poll.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"

#define READ_EVENTS      (POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR)
#define WRITE_EVENTS     (POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR)
#define EXCEPTION_EVENTS POLLPRI

#define SET_WORDS (OPEN_MAX / 64)

struct descriptor_set {
	uint64_t address; /* 0: not given */
	unsigned events;  /* that it asks for */
	uint64_t word[SET_WORDS];
};

static bool contains(const struct descriptor_set *set, unsigned fd)
{
	return set->word[fd / 64] >> (fd % 64) & 1;
}

/*
 * Linux looks at no more descriptors than the process's table has room for, a multiple of 64; bits beyond are
 * ignored, not errors. A table that has shrunk since (Linux's does not) is the only difference.
 */
static unsigned table_room(void)
{
	const struct fd_table *table = current_process()->files;
	unsigned last = OPEN_MAX - 1;

	while (last > 0 && !table->files[last])
		last--;
	return ALIGN_UP(last + 1, 64);
}

static size_t set_bytes(unsigned count)
{
	return ALIGN_UP(count, 64) / 8;
}

static long read_set(struct descriptor_set *set, uint64_t address, unsigned count, unsigned events)
{
	*set = (struct descriptor_set){.address = address, .events = events};
	return address ? copy_from_user(set->word, address, set_bytes(count)) : 0;
}

/* Keeps the descriptors whose files are ready for what the set asks. How many, or -EFAULT. */
static long write_set(const struct descriptor_set *set, const struct poll_item *items, unsigned count)
{
	uint64_t result[SET_WORDS] = {0};
	long kept = 0;

	for (unsigned fd = 0; fd < count; fd++) {
		if (contains(set, fd) && (items[fd].ready & set->events)) {
			result[fd / 64] |= 1UL << (fd % 64);
			kept++;
		}
	}
	if (set->address && copy_to_user(set->address, result, set_bytes(count)) < 0)
		return -EFAULT;
	return kept;
}

/* 0 or -EBADF. */
static long collect_items(struct poll_item *items, const struct descriptor_set *sets, unsigned count)
{
	for (unsigned fd = 0; fd < count; fd++) {
		for (int i = 0; i < 3; i++)
			if (contains(&sets[i], fd))
				items[fd].wanted |= sets[i].events;
		if (!items[fd].wanted)
			continue;
		items[fd].file = fd_get((int)fd);
		if (!items[fd].file)
			return -EBADF;
		file_get(items[fd].file);
	}
	return 0;
}

static long select(int count, const uint64_t addresses[3], uint64_t deadline)
{
	static const unsigned events[3] = {READ_EVENTS, WRITE_EVENTS, EXCEPTION_EVENTS};
	struct descriptor_set sets[3];
	struct poll_item *items;
	long result = 0, total = 0;

	if (count < 0)
		return -EINVAL;
	count = MIN(count, (int)table_room());
	for (int i = 0; i < 3; i++)
		if (read_set(&sets[i], addresses[i], (unsigned)count, events[i]) < 0)
			return -EFAULT;
	items = kzalloc(MAX(count, 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	result = collect_items(items, sets, (unsigned)count);
	if (!result)
		result = poll_items(items, (unsigned)count, deadline);
	for (int i = 0; i < 3 && result >= 0; i++) {
		long kept = write_set(&sets[i], items, (unsigned)count);

		total += kept;
		result = kept < 0 ? kept : result;
	}
	poll_items_put(items, (unsigned)count);
	if (result == -EINTR)
		return -ERESTARTNOHAND;
	return result < 0 ? result : total;
}

long sys_select(int count, uint64_t read, uint64_t write, uint64_t exception, uint64_t timeval)
{
	const uint64_t addresses[3] = {read, write, exception};
	uint64_t deadline = NO_DEADLINE, left;
	struct linux_timeval time;
	long result;

	if (timeval) {
		if (copy_from_user(&time, timeval, sizeof(time)) < 0)
			return -EFAULT;
		/* Whole seconds in the microseconds are fine, as in Linux. */
		time.seconds += time.microseconds / 1000000;
		time.microseconds %= 1000000;
		if (time.seconds < 0 || time.microseconds < 0)
			return -EINVAL;
		time.seconds = MIN(time.seconds, (int64_t)(INT64_MAX / NANOSECONDS - 1));
		deadline = poll_deadline_in((uint64_t)time.seconds * NANOSECONDS +
		                            (uint64_t)time.microseconds * 1000);
	}
	result = select(count, addresses, deadline);
	if (timeval) {
		left = poll_time_left(deadline);
		time.seconds = (int64_t)(left / NANOSECONDS);
		time.microseconds = (int64_t)(left % NANOSECONDS / 1000);
		(void)copy_to_user(timeval, &time, sizeof(time)); /* the call's result stands, as in Linux */
	}
	return result;
}

long sys_pselect6(int count, uint64_t read, uint64_t write, uint64_t exception, uint64_t timespec,
                  uint64_t mask)
{
	const uint64_t addresses[3] = {read, write, exception};
	uint64_t mask_argument[2] = {0, 0}; /* address and size */
	uint64_t deadline;
	long result;

	if (mask && copy_from_user(mask_argument, mask, sizeof(mask_argument)) < 0)
		return -EFAULT;
	result = poll_deadline(timespec, &deadline);
	if (!result)
		result = poll_use_mask(mask_argument[0], mask_argument[1]);
	if (result < 0)
		return result;
	result = select(count, addresses, deadline);
	poll_put_left(timespec, deadline);
	return result;
}
