#include "safe.h"

#include "portcullis/library.h"

static long number;

void safe_put(long value)
{
	number = value;
}

long safe_get(void)
{
	return number;
}

long safe_sum(long a, long b, long c, long d, long e, long f)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

long *safe_address(void)
{
	return &number;
}

void *safe_code(void)
{
	return (void *)safe_put;
}

int safe_linger(int *inside, const int *stop)
{
	int value = 1, error = portcullis_copy_out(inside, &value, sizeof(value));

	for (value = 0; !error && !value;)
		error = portcullis_copy_in(&value, stop, sizeof(value));
	return error;
}
