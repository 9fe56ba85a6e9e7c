#include "fragile.h"

#include <errno.h>
#include <sys/syscall.h>

#include "portcullis/library.h"

#define CALL(number, a, b, c) portcullis_system_call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

int fragile_init(void);
void fragile_teardown(const struct portcullis_client *client);

static struct portcullis_lock lock;
static volatile long first, second, departed;

int fragile_init(void)
{
	return 0;
}

void fragile_teardown(const struct portcullis_client *client)
{
	(void)client;
	departed++;
}

long fragile_pair(void)
{
	long value;

	portcullis_lock(&lock);
	first++;
	for (volatile int i = 0; i < 5; i++)
		;
	value = ++second;
	portcullis_unlock(&lock);
	return value;
}

long fragile_difference(void)
{
	return first - second;
}

long fragile_departed(void)
{
	return departed;
}

long fragile_user(void)
{
	return portcullis_client()->uid;
}

long fragile_fault(void)
{
	portcullis_fail();
}

long fragile_turn(void)
{
	for (;;)
		first = second;
}

long fragile_wait(int ready, int fd)
{
	char byte = 1;
	long result;

	CALL(SYS_write, ready, &byte, 1);
	do
		result = CALL(SYS_read, fd, &byte, 1);
	while (result == -EINTR);
	return result;
}
