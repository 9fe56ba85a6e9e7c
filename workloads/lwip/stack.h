/* Inside the library: the one stack, its device and its memory. */
#ifndef LWIP_STACK_H
#define LWIP_STACK_H

#include <stdbool.h>

#include "common/ticks.h"
#include "lwip/err.h"
#include "net.h"
#include "portcullis/library.h"

struct stack {
	struct portcullis_lock lock;
	bool open;
	bool output_waits; /* a segment found no room in the device's ring */
	bool copy_failed;  /* stack_copy() met memory that is not the application's */
	unsigned starving; /* sockets that found no memory for what they send */
	uint64_t entered;  /* ticks */
	struct net_statistics statistics;
};

extern struct stack stack;

/*
 * Around every entry point but net_open(): one thread at a time, and accounts.
 *
 *     return stack_leave(stack_enter() ? work(...) : -ENODEV);
 */
static inline bool stack_enter(void)
{
	portcullis_lock(&stack.lock);
	stack.entered = ticks_now();
	stack.statistics.entrances++;
	return stack.open;
}

static inline long stack_leave(long result)
{
	stack.statistics.ticks += ticks_now() - stack.entered;
	portcullis_unlock(&stack.lock);
	return result;
}

/* Takes what has arrived and runs timers. False: the other end is gone, and all connections have failed. */
bool stack_work(void);

/* Checked copies, counted. 0 or -EFAULT. */
int stack_copy_in(void *to, const void *application, size_t size);
int stack_copy_out(void *application, const void *from, size_t size);

/* Can all of this application memory be read now? */
bool stack_can_read(const void *application, size_t size);

/* An error of lwIP as a negative errno. */
int stack_error(err_t error);

#endif
