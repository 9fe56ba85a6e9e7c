#include "keeper.h"

#include "portcullis/library.h"

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */

static long secret[2048]; /* pages of its own */

void keeper_put(long value)
{
	secret[1024] = value;
}

long keeper_get(void)
{
	return secret[1024];
}

long *keeper_address(void)
{
	return &secret[1024];
}

int keeper_stay(int *inside, const int *stop)
{
	int value = 1, error = portcullis_copy_out(inside, &value, sizeof(value));

	for (value = 0; !error && !value;) {
		portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
		error = portcullis_copy_in(&value, stop, sizeof(value));
	}
	return error;
}

void keeper_crash(void)
{
	portcullis_fail();
}
