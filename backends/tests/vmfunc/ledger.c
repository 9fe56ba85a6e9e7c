#include "ledger.h"

#include "portcullis/library.h"

static long sum;

long ledger_add(long amount)
{
	return sum += amount;
}

void *ledger_fill(size_t size)
{
	volatile char *memory = portcullis_alloc(size);

	for (size_t i = 0; memory && i < size; i += PORTCULLIS_PAGE_SIZE)
		memory[i] = 1;
	return (void *)memory;
}

long ledger_read(const long *at)
{
	return *(const volatile long *)at;
}
