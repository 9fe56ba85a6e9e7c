#include "empty.h"

#include <errno.h>

#include "portcullis/library.h"

static char buffer[EMPTY_COPY_MAX];

void empty_0(void)
{
}

void empty_1(long a)
{
	(void)a;
}

void empty_2(long a, long b)
{
	(void)a, (void)b;
}

void empty_3(long a, long b, long c)
{
	(void)a, (void)b, (void)c;
}

void empty_4(long a, long b, long c, long d)
{
	(void)a, (void)b, (void)c, (void)d;
}

void empty_5(long a, long b, long c, long d, long e)
{
	(void)a, (void)b, (void)c, (void)d, (void)e;
}

void empty_6(long a, long b, long c, long d, long e, long f)
{
	(void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
}

long empty_copy_in(const void *from, size_t size)
{
	return size <= sizeof(buffer) ? portcullis_copy_in(buffer, from, size) : -EINVAL;
}

long empty_copy_out(void *to, size_t size)
{
	return size <= sizeof(buffer) ? portcullis_copy_out(to, buffer, size) : -EINVAL;
}
