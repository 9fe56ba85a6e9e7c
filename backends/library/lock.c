#include "portcullis/library.h"

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */
#define PATIENCE                8  /* attempts, after which others have to stand back */

/*
 * A holder that was preempted gets on as soon as this thread gives up the processor. Threads do not take
 * turns: from the first preemption inside on, each call of all of them would end with a switch to the next
 * one. But who has waited long must not wait for ever, because the time of its call is limited: while there
 * is one, only such threads get the lock.
 */
void portcullis_lock(struct portcullis_lock *lock)
{
	unsigned attempts = 0;

	while ((attempts < PATIENCE && __atomic_load_n(&lock->urgent, __ATOMIC_RELAXED)) ||
	       __atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE)) {
		if (++attempts == PATIENCE)
			__atomic_fetch_add(&lock->urgent, 1, __ATOMIC_RELAXED);
		portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	}
	if (attempts >= PATIENCE)
		__atomic_fetch_sub(&lock->urgent, 1, __ATOMIC_RELAXED);
}

void portcullis_unlock(struct portcullis_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
