#include "tally.h"

#include "portcullis/library.h"

static long sums[PORTCULLIS_CLIENTS_MAX], total;
static struct portcullis_lock lock;

/* Runs when a client goes: the next one with its index starts at 0. */
void tally_teardown(const struct portcullis_client *client)
{
	sums[client->index] = 0;
}

long tally_add(long amount)
{
	long *sum = &sums[portcullis_client()->index], result;

	portcullis_lock(&lock);
	total += amount;
	result = *sum += amount;
	portcullis_unlock(&lock);
	return result;
}

long tally_total(void)
{
	return total;
}
