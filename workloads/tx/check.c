/* The consistency conditions, clause 3.3.2, each as a query for what breaks it. */
#include <stdio.h>

#include "tx/database.h"
#include "tx/tpcc.h"

/* Of warehouse ?1 and district ?2. A count of what breaks the condition of that number. */
static struct statement of_district[] = {
        {.sql = "SELECT d_next_o_id - 1 <> (SELECT max(o_id) FROM orders WHERE o_w_id = ?1 AND o_d_id = ?2) "
                "OR "
                "d_next_o_id - 1 <> ifnull((SELECT max(no_o_id) FROM new_order WHERE no_w_id = ?1 AND "
                "no_d_id = ?2), "
                "d_next_o_id - 1) FROM district WHERE d_w_id = ?1 AND d_id = ?2"},
        {.sql = "SELECT count(*) > 0 AND max(no_o_id) - min(no_o_id) + 1 <> count(*) FROM new_order WHERE "
                "no_w_id = "
                "?1 AND no_d_id = ?2"},
        {.sql = "SELECT (SELECT sum(o_ol_cnt) FROM orders WHERE o_w_id = ?1 AND o_d_id = ?2) <> (SELECT "
                "count(*) FROM "
                "order_line WHERE ol_w_id = ?1 AND ol_d_id = ?2)"},
        {.sql = "SELECT count(*) FROM orders WHERE o_w_id = ?1 AND o_d_id = ?2 AND (o_carrier_id IS NULL) <> "
                "EXISTS "
                "(SELECT 1 FROM new_order WHERE no_w_id = ?1 AND no_d_id = ?2 AND no_o_id = o_id)"},
        {.sql = "SELECT count(*) FROM orders WHERE o_w_id = ?1 AND o_d_id = ?2 AND o_ol_cnt <> (SELECT "
                "count(*) FROM "
                "order_line WHERE ol_w_id = ?1 AND ol_d_id = ?2 AND ol_o_id = o_id)"},
        {.sql = "SELECT count(*) FROM orders JOIN order_line ON ol_w_id = o_w_id AND ol_d_id = o_d_id AND "
                "ol_o_id = "
                "o_id WHERE o_w_id = ?1 AND o_d_id = ?2 AND (o_carrier_id IS NULL) <> (ol_delivery_d IS "
                "NULL)"},
        {.sql = "SELECT d_ytd <> (SELECT sum(h_amount) FROM history WHERE h_w_id = ?1 AND h_d_id = ?2) FROM "
                "district "
                "WHERE d_w_id = ?1 AND d_id = ?2"},
};
static const unsigned numbers_of_district[] = {2, 3, 4, 5, 6, 7, 9};

/* Of warehouse ?1. */
static struct statement of_warehouse[] = {
        {.sql = "SELECT w_ytd <> (SELECT sum(d_ytd) FROM district WHERE d_w_id = ?1) FROM warehouse WHERE "
                "w_id = ?1"},
        {.sql = "SELECT w_ytd <> (SELECT sum(h_amount) FROM history WHERE h_w_id = ?1) FROM warehouse WHERE "
                "w_id = "
                "?1"},
};
static const unsigned numbers_of_warehouse[] = {1, 8};

/* The delivered lines of a district's customers, and what they paid, each customer once. */
#define BOUGHT                                                                                               \
	"SELECT o_c_id AS buyer, sum(ol_amount) AS amount FROM orders JOIN order_line ON ol_w_id = o_w_id "  \
	"AND "                                                                                               \
	"ol_d_id = o_d_id AND ol_o_id = o_id WHERE o_w_id = ?1 AND o_d_id = ?2 AND ol_delivery_d IS NOT "    \
	"NULL "                                                                                              \
	"GROUP BY o_c_id"
#define PAID                                                                                                 \
	"SELECT h_c_id AS payer, sum(h_amount) AS paid FROM history WHERE h_c_w_id = ?1 AND h_c_d_id = ?2 "  \
	"GROUP "                                                                                             \
	"BY h_c_id"
#define CUSTOMERS                                                                                            \
	"FROM customer LEFT JOIN (" BOUGHT ") ON buyer = c_id LEFT JOIN (" PAID ") ON payer = c_id WHERE "   \
	"c_w_id = ?1 AND c_d_id = ?2 AND "

static struct statement of_customers[] = {
        {.sql = "SELECT count(*) " CUSTOMERS "c_balance <> ifnull(amount, 0) - ifnull(paid, 0)"},
        {.sql = "SELECT count(*) " CUSTOMERS "c_balance + c_ytd_payment <> ifnull(amount, 0)"},
};
static const unsigned numbers_of_customers[] = {10, 12};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void fail(unsigned condition)
{
	char text[64];

	snprintf(text, sizeof(text), "consistency condition %u does not hold", condition);
	database_fail("wrong answer", text);
}

static void check(struct statement *statements, const unsigned *numbers, size_t count, int64_t warehouse,
                  int64_t district)
{
	for (size_t i = 0; i < count; i++) {
		if (district)
			bind(&statements[i], warehouse, district);
		else
			bind(&statements[i], warehouse);
		if (number_of(&statements[i]) != 0)
			fail(numbers[i]);
	}
}

/* Condition 11 is on the initial population; this is what it becomes when orders are delivered. */
static void check_deliveries(void)
{
	static struct statement count = {
	        .sql = "SELECT (SELECT count(*) FROM orders) - (SELECT count(*) FROM new_order)"};

	if (number_of(&count) != scale.warehouses * DISTRICTS * tpcc_delivered_at_first() + tpcc_delivered)
		fail(11);
}

unsigned tpcc_check(void)
{
	for (int64_t warehouse = 1; warehouse <= scale.warehouses; warehouse++) {
		check(of_warehouse, numbers_of_warehouse, COUNT(of_warehouse), warehouse, 0);
		for (int64_t district = 1; district <= DISTRICTS; district++) {
			check(of_district, numbers_of_district, COUNT(of_district), warehouse, district);
			check(of_customers, numbers_of_customers, COUNT(of_customers), warehouse, district);
		}
	}
	check_deliveries();
	return COUNT(of_warehouse) + COUNT(of_district) + COUNT(of_customers) + 1;
}
