#include "fs/poll.h"

#include "fs/abi.h"
#include "fs/descriptor.h"
#include "fs/fcntl.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"

#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)
#define SIGSET_SIZE  8

/* Queues this thread on the items' files (if `table`) and counts those that are ready. */
static long scan(struct poll_item *items, unsigned count, struct poll_table *table)
{
	long ready = 0;

	for (unsigned i = 0; i < count; i++) {
		struct poll_item *item = &items[i];

		if (item->file) {
			unsigned events = ALWAYS_READY;

			if (item->file->ops->poll)
				events = item->file->ops->poll(item->file, table);
			item->ready = events & (item->wanted | POLLERR | POLLHUP);
		}
		if (item->ready)
			ready++;
	}
	return ready;
}

long poll_items(struct poll_item *items, unsigned count, uint64_t deadline)
{
	struct poll_table table = {.room = count * POLL_ENTRIES};
	bool over = !deadline;
	long ready;

	table.entries = kmalloc(MAX(table.room, 1U) * sizeof(*table.entries));
	if (!table.entries)
		return -ENOMEM;
	ready = scan(items, count, over ? NULL : &table);
	while (!ready) {
		long error;

		if (signal_is_pending()) {
			ready = -EINTR;
			break;
		}
		if (over)
			break;
		error = thread_block(deadline);
		over = error == -ETIMEDOUT;
		ready = scan(items, count, NULL);
	}
	for (unsigned i = 0; i < table.count; i++)
		wait_end(&table.entries[i]);
	kfree(table.entries);
	return ready;
}

void poll_items_put(struct poll_item *items, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (items[i].file)
			file_put(items[i].file);
	kfree(items);
}

uint64_t poll_deadline_in(uint64_t ns)
{
	uint64_t now = read_tsc(), ticks = ns_to_ticks(ns);

	if (!ns)
		return 0;
	return ticks < NO_DEADLINE - now ? now + ticks : NO_DEADLINE;
}

uint64_t poll_time_left(uint64_t deadline)
{
	uint64_t now = read_tsc();

	return deadline > now ? ticks_to_ns(deadline - now) : 0;
}

long poll_deadline(uint64_t timespec, uint64_t *deadline)
{
	struct linux_timespec time;

	*deadline = NO_DEADLINE;
	if (!timespec)
		return 0;
	if (copy_from_user(&time, timespec, sizeof(time)) < 0)
		return -EFAULT;
	if (time.seconds < 0 || (uint64_t)time.nanoseconds >= NANOSECONDS)
		return -EINVAL;
	*deadline = poll_deadline_in((uint64_t)MIN(time.seconds, (int64_t)(INT64_MAX / NANOSECONDS - 1)) *
	                                     NANOSECONDS +
	                             (uint64_t)time.nanoseconds);
	return 0;
}

void poll_put_left(uint64_t timespec, uint64_t deadline)
{
	uint64_t left;
	struct linux_timespec time;

	if (!timespec)
		return;
	left = poll_time_left(deadline);
	time = (struct linux_timespec){(int64_t)(left / NANOSECONDS), (int64_t)(left % NANOSECONDS)};
	(void)copy_to_user(timespec, &time, sizeof(time)); /* the call's result stands, as in Linux */
}

long poll_use_mask(uint64_t mask_address, size_t mask_size)
{
	uint64_t mask;

	if (!mask_address)
		return 0;
	if (mask_size != SIGSET_SIZE)
		return -EINVAL;
	if (copy_from_user(&mask, mask_address, sizeof(mask)) < 0)
		return -EFAULT;
	signal_use_mask(mask);
	return 0;
}

/* ---- poll and ppoll
 * ------------------------------------------------------------------------------------------- */

static void find_file(struct poll_item *item, const struct linux_pollfd *user)
{
	*item = (struct poll_item){.wanted = (uint16_t)user->events};
	if (user->fd < 0)
		return;
	item->file = fd_get(user->fd);
	if (item->file)
		file_get(item->file);
	else
		item->ready = POLLNVAL;
}

/* Reads the array of `count` pollfd, waits and writes their results. */
static long poll(uint64_t address, unsigned count, uint64_t deadline)
{
	struct linux_pollfd *users;
	struct poll_item *items;
	long result;

	if (count > fd_limit())
		return -EINVAL;
	users = kmalloc(MAX(count, 1U) * sizeof(*users));
	items = kmalloc(MAX(count, 1U) * sizeof(*items));
	if (!users || !items) {
		kfree(users);
		kfree(items);
		return -ENOMEM;
	}
	result = copy_from_user(users, address, count * sizeof(*users));
	if (!result) {
		for (unsigned i = 0; i < count; i++)
			find_file(&items[i], &users[i]);
		result = poll_items(items, count, deadline);
		for (unsigned i = 0; i < count; i++)
			users[i].ready = (int16_t)items[i].ready;
		poll_items_put(items, count);
		if (result >= 0 && copy_to_user(address, users, count * sizeof(*users)) < 0)
			result = -EFAULT;
	} else {
		kfree(items);
	}
	kfree(users);
	return result == -EINTR ? -ERESTARTNOHAND : result;
}

long sys_poll(uint64_t address, unsigned count, int milliseconds)
{
	return poll(address, count,
	            milliseconds < 0 ? NO_DEADLINE : poll_deadline_in((uint64_t)milliseconds * 1000000));
}

long sys_ppoll(uint64_t address, unsigned count, uint64_t timespec, uint64_t mask, size_t mask_size)
{
	uint64_t deadline;
	long result = poll_deadline(timespec, &deadline);

	if (!result)
		result = poll_use_mask(mask, mask_size);
	if (result < 0)
		return result;
	result = poll(address, count, deadline);
	poll_put_left(timespec, deadline);
	return result;
}
