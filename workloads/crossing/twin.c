#include "twin.h"

void twin_0(void)
{
}
