/*
 * TPC-C, after the TPC Benchmark C standard specification, revision 5.11: "clause" below means one of it.
 *
 * Money is in cents, and rates (tax, discount) in hundredths of a percent, all integers: so every answer is
 * exact. The date is the number of the transaction.
 */
#ifndef TX_TPCC_H
#define TX_TPCC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/random.h"

#define DISTRICTS 10 /* of a warehouse */
#define LINES_MAX 15 /* of an order */

#define RATE_UNIT 10000

/* Rows, clause 1.2; `customers` and `orders` are those of a district. */
struct scale {
	int64_t warehouses, items, customers;
};

extern struct scale scale;
extern struct random tpcc_random;
extern uint64_t tpcc_digest; /* of all answers */
extern int64_t tpcc_date;
extern int64_t tpcc_delivered; /* orders delivered by delivery transactions */

enum transaction { NEW_ORDER, PAYMENT, ORDER_STATUS, DELIVERY, STOCK_LEVEL, TRANSACTIONS };

/* Makes the tables and the initial population, clause 4.3.3. */
void tpcc_load(void);

/* One transaction with random input, clauses 2.4 to 2.8. False: a new order that names an unused item and is
 * rolled back, clause 2.4.1.4. */
bool tpcc_new_order(void);
bool tpcc_payment(void);
bool tpcc_order_status(void);
bool tpcc_delivery(void);
bool tpcc_stock_level(void);

/* The consistency conditions of clause 3.3.2: how many there are; one that does not hold ends the program. */
unsigned tpcc_check(void);

/* Orders that the initial population has delivered in each district, clause 4.3.3.1: 70 %. */
static inline int64_t tpcc_delivered_at_first(void)
{
	return scale.customers * 7 / 10;
}

/* Begin and end of a database transaction. */
void tpcc_begin(void);
void tpcc_commit(void);
void tpcc_rollback(void);

/* Into the digest. */
void answer_number(int64_t number);
void answer_text(const char *text);

#endif
