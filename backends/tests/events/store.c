#include "store.h"

#include <errno.h>
#include <stdbool.h>

#include "portcullis/library.h"

#define SYSTEM_CALL_SCHED_YIELD 24 /* Linux, x86-64 */
#define WORDS                   8

/* Whole: each word is the value plus its place. */
static volatile long records[STORE_RECORDS][WORDS];
static struct portcullis_lock lock;

static bool is_torn(const volatile long *record)
{
	for (long i = 1; i < WORDS; i++)
		if (record[0] && record[i] != record[0] + i)
			return true;
	return false;
}

long store_put(long record, long value, long pause)
{
	if (record < 0 || record >= STORE_RECORDS || value <= 0)
		return -EINVAL;
	portcullis_lock(&lock);
	for (long i = 0; i < WORDS; i++) {
		records[record][i] = value + i;
		if (pause && i == WORDS / 2)
			portcullis_system_call(SYSTEM_CALL_SCHED_YIELD, 0, 0, 0, 0, 0, 0);
	}
	portcullis_unlock(&lock);
	return value;
}

long store_get(long record, long *value)
{
	long copy, torn;

	if (record < 0 || record >= STORE_RECORDS)
		return -EINVAL;
	portcullis_lock(&lock);
	copy = records[record][0];
	torn = is_torn(records[record]);
	portcullis_unlock(&lock);
	if (torn)
		return -EIO;
	return portcullis_copy_out(value, &copy, sizeof(copy));
}

long store_check(void)
{
	long torn = 0;

	portcullis_lock(&lock);
	for (long i = 0; i < STORE_RECORDS; i++)
		torn += is_torn(records[i]);
	portcullis_unlock(&lock);
	return torn;
}
