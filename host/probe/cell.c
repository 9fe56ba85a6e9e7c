#include "cell.h"

static int cell = 1;

int *cell_address(void)
{
	return &cell;
}
