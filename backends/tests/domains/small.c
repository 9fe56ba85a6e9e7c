#include "small.h"

#include <errno.h>

#include "portcullis/library.h"

int fussy_init(void);
int broken_init(void);

void guarded_nothing(void)
{
}

void alone_nothing(void)
{
}

void fussy_nothing(void)
{
}

int fussy_init(void)
{
	return -EIO;
}

void broken_nothing(void)
{
}

int broken_init(void)
{
	portcullis_fail();
}
