#include "guarded_pair.h"

#include <errno.h>

#include "common/ticks.h"
#include "portcullis/library.h"

#define SYSTEM_CALL_READ  0 /* Linux, x86-64 */
#define SYSTEM_CALL_WRITE 1

static struct portcullis_lock lock;
static volatile long first, second;
static volatile uint64_t ended;

uint64_t pair_add(long rounds)
{
	uint64_t now;

	portcullis_lock(&lock);
	first++;
	for (volatile long i = 0; i < rounds; i++)
		;
	second++;
	ended = now = ticks_now();
	portcullis_unlock(&lock);
	return now;
}

long pair_difference(void)
{
	return first - second;
}

uint64_t pair_ended(void)
{
	return ended;
}

long pair_wait(int to, int from)
{
	char byte = 0;
	long result;

	portcullis_system_call(SYSTEM_CALL_WRITE, to, (long)&byte, 1, 0, 0, 0);
	do
		result = portcullis_system_call(SYSTEM_CALL_READ, from, (long)&byte, 1, 0, 0, 0);
	while (result == -EINTR);
	return result;
}

long pair_overrun(void)
{
	for (;;)
		first = second;
}
