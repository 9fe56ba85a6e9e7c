#include "probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "portcullis/library.h"

static int initialised;
static uint64_t departed;

int probe_init(void)
{
	initialised += 42;
	return 0;
}

void probe_teardown(const struct portcullis_client *client)
{
	*portcullis_state_of(client) = NULL;
	departed = client->id;
}

long probe_six(long a, long b, long c, long d, long e, long f)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f;
}

long probe_nothing(void)
{
	return 0;
}

long probe_initialised(void)
{
	return initialised;
}

static long one(void)
{
	return 1;
}

static long two(void)
{
	return 2;
}

static long three(void)
{
	return 3;
}

struct row {
	const char *text;
	long (*function)(void);
};

static struct row rows[] = {{"a", one}, {"bc", two}, {"def", three}};
static const char *const texts[] = {"x", "yz", "abc"};

long probe_relocated(unsigned index)
{
	if (index >= 3)
		return -EINVAL;
	return 100 * (long)strlen(texts[index]) + 10 * (long)strlen(rows[index].text) +
	       rows[index].function();
}

long probe_copy(void *to, const void *from, size_t size)
{
	void *copy = malloc(size);
	long error;

	if (!copy)
		return -ENOMEM;
	error = portcullis_copy_in(copy, from, size);
	if (!error)
		error = portcullis_copy_out(to, copy, size);
	free(copy);
	return error;
}

long probe_string(const char *text, size_t limit)
{
	char copy[64];

	if (limit == 0 || limit > sizeof(copy))
		return -EINVAL;
	return portcullis_copy_in_string(copy, text, limit);
}

long probe_where(const void *pointer, size_t size)
{
	return portcullis_in_domain(pointer, size) | portcullis_in_application(pointer, size) << 1;
}

void *probe_allocate(size_t size)
{
	return portcullis_alloc(size);
}

long probe_release(void *memory)
{
	if (!portcullis_in_domain(memory, 1))
		return -EINVAL;
	portcullis_free(memory);
	return 0;
}

long probe_error_number(void)
{
	volatile size_t half = (size_t)1 << 40; /* volatile, or the compiler leaves the calls out */
	void *volatile memory;

	errno = 0;
	memory = calloc(half, half);
	free(memory);
	return errno;
}

uint64_t probe_client(void)
{
	return portcullis_client()->id;
}

long probe_visits(void)
{
	void **state = portcullis_client_state();

	*state = (char *)*state + 1;
	return (long)*state;
}

uint64_t probe_departed(void)
{
	return departed;
}

double probe_half(double value)
{
	return value / 2;
}
