#include "outer.h"

#include "portcullis/library.h"
#include "twin.h"

int outer_init(void);

int outer_init(void)
{
	return portcullis_attach_library("twin", PORTCULLIS_PRIVATE);
}

void outer_0(void)
{
	twin_0();
}

void outer_nothing(void)
{
}
