#include "counter.h"

#include <errno.h>
#include <string.h>

#include "portcullis/library.h"

struct counter {
	struct counter *next;
	long value;
	char name[32];
};

static struct counter *counters;
static struct portcullis_lock lock;

/* Copies the caller's name in: 0 or -errno. */
static long copy_name(char copy[static 32], const char *name)
{
	long length = portcullis_copy_in_string(copy, name, 32);

	if (length < 0)
		return length;
	return length == 0 ? -EINVAL : 0;
}

static struct counter *find(const char *name)
{
	struct counter *counter = counters;

	while (counter && strcmp(counter->name, name) != 0)
		counter = counter->next;
	return counter;
}

static struct counter *create(const char *name)
{
	struct counter *counter = portcullis_alloc(sizeof(*counter));

	if (!counter)
		return NULL;
	counter->value = 0;
	strcpy(counter->name, name);
	counter->next = counters;
	return counters = counter;
}

long counter_add(const char *name, unsigned amount)
{
	struct counter *counter;
	char copy[32];
	long result = copy_name(copy, name);

	if (result)
		return result;
	portcullis_lock(&lock);
	counter = find(copy);
	if (!counter)
		counter = create(copy);
	result = counter ? counter->value += amount : -ENOMEM;
	portcullis_unlock(&lock);
	return result;
}

long counter_read(const char *name, long *value)
{
	struct counter *counter;
	char copy[32];
	long result = copy_name(copy, name);

	if (result)
		return result;
	portcullis_lock(&lock);
	counter = find(copy);
	result = counter ? portcullis_copy_out(value, &counter->value, sizeof(*value)) : -ENOENT;
	portcullis_unlock(&lock);
	return result;
}
