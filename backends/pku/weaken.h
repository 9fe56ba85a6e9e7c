/* Copies of the gates without one of their checks, for tests: the kernel options weaken=rights-check (of PKRU
 * after each WRPKRU) and weaken=index-check. */
#ifndef PKU_WEAKEN_H
#define PKU_WEAKEN_H

#include "lib/lib.h"

/* The copy still holds its placeholders. */
void weaken_gate(void *gate, size_t size);

#endif
