/* The delivery transaction, clause 2.7: the oldest open order of each district. */
#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

/* The oldest open order, taken off their list; 0: there is none. */
static int64_t take_order(int64_t warehouse, int64_t district)
{
	static struct statement
	        select = {.sql = "SELECT no_o_id FROM new_order WHERE no_w_id = ? AND no_d_id = ? ORDER BY "
	                         "no_o_id "
	                         "LIMIT 1"},
	        remove = {.sql = "DELETE FROM new_order WHERE no_w_id = ? AND no_d_id = ? AND no_o_id = ?"};
	int64_t order = 0;

	bind(&select, warehouse, district);
	if (next_row(&select))
		order = column_number(&select, 0);
	reset(&select);
	if (order == 0)
		return 0;
	bind(&remove, warehouse, district, order);
	execute(&remove);
	return order;
}

static void deliver(int64_t warehouse, int64_t district, int64_t order, int64_t carrier)
{
	static struct statement
	        select = {.sql = "SELECT o_c_id FROM orders WHERE o_w_id = ? AND o_d_id = ? AND o_id = ?"},
	        update = {.sql = "UPDATE orders SET o_carrier_id = ?4 WHERE o_w_id = ?1 AND o_d_id = ?2 AND "
	                         "o_id = ?3"},
	        lines = {.sql = "UPDATE order_line SET ol_delivery_d = ?4 WHERE ol_w_id = ?1 AND ol_d_id = "
	                        "?2 AND "
	                        "ol_o_id = ?3"},
	        sum = {.sql = "SELECT sum(ol_amount) FROM order_line WHERE ol_w_id = ? AND ol_d_id = ? AND "
	                      "ol_o_id = "
	                      "?"},
	        credit = {.sql = "UPDATE customer SET c_balance = c_balance + ?4, c_delivery_cnt = "
	                         "c_delivery_cnt + 1 "
	                         "WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_id = ?3"};
	int64_t customer, amount;

	bind(&select, warehouse, district, order);
	customer = number_of(&select);
	bind(&update, warehouse, district, order, carrier);
	execute(&update);
	bind(&lines, warehouse, district, order, tpcc_date);
	execute(&lines);
	bind(&sum, warehouse, district, order);
	amount = number_of(&sum);
	bind(&credit, warehouse, district, customer, amount);
	execute(&credit);
	answer_number(order);
	answer_number(amount);
	tpcc_delivered++;
}

bool tpcc_delivery(void)
{
	int64_t warehouse = between(1, scale.warehouses), carrier = between(1, 10), order;

	tpcc_begin();
	for (int64_t district = 1; district <= DISTRICTS; district++) {
		order = take_order(warehouse, district);
		if (order != 0)
			deliver(warehouse, district, order, carrier);
	}
	tpcc_commit();
	return true;
}
