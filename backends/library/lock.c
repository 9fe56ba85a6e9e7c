#include "portcullis/library.h"

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */

/* A holder that was preempted gets on as soon as this thread gives up the processor. */
void portcullis_lock(struct portcullis_lock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
}

void portcullis_unlock(struct portcullis_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
