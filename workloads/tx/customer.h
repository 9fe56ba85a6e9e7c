/* How payment and order-status find a customer, clauses 2.5.1.2 and 2.6.1.2. */
#ifndef TX_CUSTOMER_H
#define TX_CUSTOMER_H

#include <stdint.h>

/*
 * The number of a random customer of a district: by last name in 60 of 100 cases, and then the middle one of
 * all who have it, by first name; else by number.
 */
int64_t customer_find(int64_t warehouse, int64_t district);

#endif
