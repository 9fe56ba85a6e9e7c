/* crash: a library that crashes fails, and its callers are told; who attaches again has a fresh one. */
#include <stdio.h>
#include <string.h>

#include "events/fragile.h"
#include "portcullis/portcullis.h"

static int failures;

static void claim(int holds, const char *what)
{
	printf("%s crash on %s: %s\n", holds ? "ok" : "not ok", portcullis_backend(), what);
	failures += !holds;
}

static void attach(void)
{
	if (portcullis_attach("fragile", PORTCULLIS_PRIVATE)) {
		printf("not ok crash: %s\n", portcullis_error());
		failures++;
	}
}

int main(void)
{
	const char *why;

	attach();
	claim(fragile_fault() == PORTCULLIS_FAILED, "a call that crashes returns an error");
	why = portcullis_failure("fragile");
	claim(why && strstr(why, "invalid opcode"), "its reason is told");
	claim(fragile_pair() == PORTCULLIS_FAILED, "later calls return it, too");
	claim(portcullis_detach("fragile") == 0, "it can be left");
	attach();
	claim(fragile_pair() == 1, "and attached afresh");
	return failures != 0;
}
