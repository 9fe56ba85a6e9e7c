#include "clerk.h"

#include "portcullis/library.h"
#include "vault.h"

int clerk_init(void);

/* The vault of the programs with two libraries is a shared one. */
int clerk_init(void)
{
	return portcullis_attach_library("vault", PORTCULLIS_SHARED);
}

static char memory[VAULT_SECRET_SIZE];

unsigned long clerk_memory(void)
{
	return (unsigned long)memory;
}

long clerk_check(const char *guess)
{
	long length = portcullis_copy_in_string(memory, guess, sizeof(memory));

	return length < 0 ? length : vault_search(guess, (unsigned long)length);
}

long clerk_wait(unsigned long turns)
{
	return vault_wait(turns);
}

long clerk_registers(void)
{
	return vault_registers();
}
