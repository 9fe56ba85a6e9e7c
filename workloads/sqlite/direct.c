/* For programs that link SQLite directly: starts it, as the kernel does for the image. */
#include <stdio.h>
#include <stdlib.h>

int sqlite_start(void);

static __attribute__((constructor)) void start(void)
{
	if (sqlite_start() == 0)
		return;
	fprintf(stderr, "sqlite: cannot start: out of memory\n");
	exit(1);
}
