/*
 * Failed domains. A domain fails by a fault inside, or by a call that outlasts its budget. From then on all
 * its entry points lead to a function that returns PORTCULLIS_FAILED, and threads inside return that from the
 * call that they are in. Nothing on the way in or out looks at a flag. The domain goes with its last
 * attachment; who attaches to a shared one meanwhile gets a fresh one.
 *
 * A budget is CPU time of the calling thread. The kernel is not told of entrances: it looks at a thread
 * whenever it leaves the CPU, at least once in the least budget of its libraries. When it finds a call going
 * on, it notes that, and watches the gate's exit, which takes the note back. From then on it looks LOOKS
 * times in a budget, so that a call is cut short after one to two budgets. No look counts for more than its
 * part: under an emulator whose clock is the host's, a guest that was not run for a while must not fail all
 * its libraries.
 */
#ifndef GUEST_DOMAIN_FAIL_H
#define GUEST_DOMAIN_FAIL_H

#include "domain/domain.h"
#include "proc/process.h"

#define LOOKS 4

/* `why`: words that stay. */
void domain_fail(struct domain *domain, const char *why);

/* Is the current thread inside a library, if only by a call of the kernel? NULL: no. */
struct domain *domain_current(void);

/*
 * The current thread, which is about to go on with *regs, has been inside a domain that failed. Where it
 * still is, and not in a gate, the call returns at once; if it cannot, the process ends. `at_exit`: it is
 * about to return to a library from another.
 */
void domain_leave_failed(struct regs *regs, bool at_exit);

/* The current thread is looked at. */
void domain_check_budget(void);

/* Starts anew for the current thread: a call into `domain` (NULL: none) begins. */
void domain_start_budget(struct domain *domain);

static inline uint64_t thread_ticks(const struct thread *thread)
{
	return thread->user_ticks + thread->system_ticks;
}

/* Ticks after which a thread that begins to run now has to be looked at; NO_DEADLINE: it has no library to be
 * inside. */
uint64_t domain_budget(const struct thread *thread);

#endif
