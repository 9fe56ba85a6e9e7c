/* The library `ledger`: state that shows a lost or doubled call, memory to fill, and reads of any address. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stddef.h>

long ledger_add(long amount); /* the sum so far */
void *
ledger_fill(size_t size); /* touches each page of that much memory; where it is, NULL: there is no more */
long ledger_read(const long *at); /* with the library's rights */

#endif
