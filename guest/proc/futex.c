#include "proc/futex.h"

#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/clock.h"
#include "proc/process.h"
#include "proc/sched.h"

/* Linux, include/uapi/linux/futex.h. */
#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE_FLAG   128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_BITSET_ANY     0xffffffffU
#define FUTEX_WAITERS        0x80000000U
#define FUTEX_OWNER_DIED     0x40000000U
#define FUTEX_TID_MASK       0x3fffffffU
#define ROBUST_LIST_LIMIT    2048

/* What a futex is known by: the object and offset of a shared mapping, else the address in its space. */
struct key {
	const void *owner; /* struct memobj or struct space */
	uint64_t offset;
};

struct waiter {
	struct list link;
	struct key key;
	uint32_t bits;
	struct thread *thread;
	bool woken;
};

#define BUCKETS 64
static struct list buckets[BUCKETS];

static struct list *bucket_of(struct key key)
{
	struct list *bucket = &buckets[((uint64_t)key.owner / 64 + key.offset / 4) % BUCKETS];

	if (!bucket->next)
		list_init(bucket);
	return bucket;
}

static long make_key(uint64_t address, unsigned operation, struct key *key)
{
	struct space *space = current_process()->space;
	const struct mapping *mapping = NULL;

	if (address % sizeof(uint32_t))
		return -EINVAL;
	if (!user_range_is_allowed(address, sizeof(uint32_t)))
		return -EFAULT;
	if (!(operation & FUTEX_PRIVATE_FLAG))
		mapping = space_find(space, address);
	if (mapping && mapping->shared && mapping->object)
		*key = (struct key){mapping->object, mapping->offset + (address - mapping->start)};
	else
		*key = (struct key){space, address};
	return 0;
}

static bool same(struct key a, struct key b)
{
	return a.owner == b.owner && a.offset == b.offset;
}

static long wake(struct key key, uint32_t most, uint32_t bits)
{
	long woken = 0;

	list_for_each_safe (node, bucket_of(key)) {
		struct waiter *waiter = list_entry(node, struct waiter, link);

		if (woken >= most)
			break;
		if (!same(waiter->key, key) || !(waiter->bits & bits))
			continue;
		waiter->woken = true;
		list_remove(node);
		thread_wake(waiter->thread);
		woken++;
	}
	return woken;
}

static long requeue(struct key from, struct key to, uint32_t most)
{
	struct list *target = bucket_of(to);
	long moved = 0;

	list_for_each_safe (node, bucket_of(from)) {
		struct waiter *waiter = list_entry(node, struct waiter, link);

		if (moved >= most)
			break;
		if (!same(waiter->key, from))
			continue;
		list_remove(node);
		waiter->key = to;
		list_add_tail(target, node);
		moved++;
	}
	return moved;
}

static long wait(uint64_t address, struct key key, uint32_t expected, uint32_t bits, uint64_t deadline)
{
	struct waiter waiter = {.key = key, .bits = bits, .thread = current_thread()};
	uint32_t value;
	long error = 0;

	if (get_user_u32(&value, address))
		return -EFAULT;
	if (value != expected)
		return -EAGAIN;
	list_add_tail(bucket_of(key), &waiter.link);
	while (!waiter.woken && !(error = thread_block(deadline)))
		;
	list_remove(&waiter.link);
	if (waiter.woken)
		return 0;
	if (error == -EINTR)
		return deadline == NO_DEADLINE ? -ERESTARTSYS : -EINTR;
	return error;
}

long sys_futex(uint64_t address, unsigned operation, uint32_t value, uint64_t timeout, uint64_t address2,
               uint32_t value3)
{
	unsigned command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
	uint64_t deadline = NO_DEADLINE;
	struct key key, key2;
	uint32_t present;
	long error = make_key(address, operation, &key), woken;

	if (error)
		return error;
	switch (command) {
	case FUTEX_WAIT:
		if (timeout)
			error = timespec_deadline(timeout, &deadline);
		return error ? error : wait(address, key, value, FUTEX_BITSET_ANY, deadline);
	case FUTEX_WAIT_BITSET:
		if (!value3)
			return -EINVAL;
		if (timeout)
			error = timespec_absolute_deadline(timeout, operation & FUTEX_CLOCK_REALTIME,
			                                   &deadline);
		return error ? error : wait(address, key, value, value3, deadline);
	case FUTEX_WAKE:
		return wake(key, value, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return value3 ? wake(key, value, value3) : -EINVAL;
	case FUTEX_CMP_REQUEUE:
		if (get_user_u32(&present, address))
			return -EFAULT;
		if (present != value3)
			return -EAGAIN;
		/* fall through */
	case FUTEX_REQUEUE: /* `timeout` holds how many are moved */
		error = make_key(address2, operation, &key2);
		if (error)
			return error;
		woken = wake(key, value, FUTEX_BITSET_ANY);
		return woken + requeue(key, key2, (uint32_t)timeout);
	default:
		return -ENOSYS;
	}
}

/* ---- robust futexes ---------------------------------------------------------------------------------------
 */

static void wake_one(uint64_t address)
{
	struct key key;

	if (!make_key(address, 0, &key))
		wake(key, 1, FUTEX_BITSET_ANY);
	if (!make_key(address, FUTEX_PRIVATE_FLAG, &key))
		wake(key, 1, FUTEX_BITSET_ANY);
}

static void release_robust(const struct thread *thread, uint64_t address)
{
	uint32_t value, old;

	if (address % sizeof(value) || get_user_u32(&value, address))
		return;
	while ((value & FUTEX_TID_MASK) == (uint32_t)thread->tid) {
		if (cmpxchg_user_u32(address, &old, value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return;
		if (old == value) {
			if (value & FUTEX_WAITERS)
				wake_one(address);
			return;
		}
		value = old;
	}
}

/* struct robust_list_head: first entry, signed offset from entry to futex word, entry being worked on. */
static void release_robust_list(const struct thread *thread)
{
	uint64_t head = thread->robust_list, entry, offset, pending;

	if (get_user_u64(&entry, head) || get_user_u64(&offset, head + 8) ||
	    get_user_u64(&pending, head + 16))
		return;
	for (unsigned i = 0; i < ROBUST_LIST_LIMIT && entry != head; i++) {
		uint64_t at = entry;

		if (get_user_u64(&entry, at))
			return;
		if (at != pending)
			release_robust(thread, at + offset);
	}
	if (pending)
		release_robust(thread, pending + offset);
}

void futex_thread_exit(struct thread *thread)
{
	if (!thread->process->space)
		return;
	if (thread->robust_list)
		release_robust_list(thread);
	/* Somebody must be left to see it: another thread, or a process that shares the space. */
	if (thread->clear_tid && (thread->process->thread_count > 1 || thread->process->space->references > 1)) {
		put_user_u32(thread->clear_tid, 0);
		wake_one(thread->clear_tid);
	}
}

long sys_set_robust_list(uint64_t address, size_t size)
{
	if (size != 3 * sizeof(uint64_t))
		return -EINVAL;
	current_thread()->robust_list = address;
	return 0;
}

long sys_get_robust_list(int tid, uint64_t address, uint64_t size_address)
{
	struct thread *thread = tid ? thread_find(tid) : current_thread();

	if (!thread)
		return -ESRCH;
	if (thread->process != current_process() && current_process()->credentials.euid)
		return -EPERM;
	if (put_user_u64(address, thread->robust_list) || put_user_u64(size_address, 3 * sizeof(uint64_t)))
		return -EFAULT;
	return 0;
}

long sys_set_tid_address(uint64_t address)
{
	current_thread()->clear_tid = address;
	return current_thread()->tid;
}
