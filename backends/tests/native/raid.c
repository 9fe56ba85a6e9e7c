/*
 * raid CASE: an attack that is made for the native platform, on the number that the library keeper keeps.
 * Prints "gained" or "refused", and fails if the library does not work any more.
 */
#include "raid.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "portcullis/portcullis.h"

#define SECRET 0x5ec2e7

long *raid_address;
long raid_secret = SECRET;
const char *raid_backend;

static sigjmp_buf escape;

static void fault(int number)
{
	siglongjmp(escape, number);
}

__attribute__((noinline)) static const struct raid_case *find(const char *name)
{
	const struct raid_case *const all[] = {raid_text, raid_ways};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct raid_case *at = all[i]; at->name; at++)
			if (!strcmp(at->name, name))
				return at;
	return NULL;
}

/* Faults end the attack. */
__attribute__((noinline)) static bool try(const struct raid_case *chosen)
{
	return !sigsetjmp(escape, 1) && chosen->attack();
}

int main(int argc, char **argv)
{
	const struct raid_case *chosen = argc == 2 ? find(argv[1]) : NULL;
	bool gained;

	if (!chosen) {
		fprintf(stderr, "usage: raid CASE\n");
		return 2;
	}
	if (portcullis_attach("keeper", PORTCULLIS_PRIVATE)) {
		fprintf(stderr, "raid: %s\n", portcullis_error());
		return 2;
	}
	keeper_put(SECRET);
	raid_address = keeper_address();
	raid_backend = portcullis_backend();
	signal(SIGSEGV, fault);
	signal(SIGBUS, fault);
	signal(SIGILL, fault);
	gained = try(chosen);
	printf("raid: %s on %s: %s\n", argv[1], raid_backend, gained ? "gained" : "refused");
	fflush(stdout);
	if (gained || keeper_get() == raid_secret)
		return 0;
	printf("raid: %s on %s: the number is gone\n", argv[1], raid_backend);
	return 1;
}
