/* The order-status transaction, clause 2.6: a customer's last order. */
#include "tx/customer.h"
#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

bool tpcc_order_status(void)
{
	static struct statement
	        customer = {.sql = "SELECT c_balance, c_first, c_middle, c_last FROM customer WHERE c_w_id = "
	                           "? AND "
	                           "c_d_id = ? AND c_id = ?"},
	        order = {.sql = "SELECT o_id, o_entry_d, o_carrier_id, o_ol_cnt FROM orders WHERE o_w_id = ? "
	                        "AND "
	                        "o_d_id = ? AND o_c_id = ? ORDER BY o_id DESC LIMIT 1"},
	        lines = {.sql = "SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM "
	                        "order_line WHERE ol_w_id = ? AND ol_d_id = ? AND ol_o_id = ?"};
	int64_t warehouse = between(1, scale.warehouses), district = between(1, DISTRICTS), who, number,
	        count;

	tpcc_begin();
	who = customer_find(warehouse, district);
	bind(&customer, warehouse, district, who);
	first_row(&customer);
	answer_number(column_number(&customer, 0));
	for (int column = 1; column <= 3; column++)
		answer_text(column_text(&customer, column));
	reset(&customer);

	bind(&order, warehouse, district, who);
	first_row(&order);
	number = column_number(&order, 0);
	for (int column = 0; column <= 2; column++)
		answer_number(column_number(&order, column));
	count = column_number(&order, 3);
	reset(&order);

	bind(&lines, warehouse, district, number);
	for (; next_row(&lines); count--)
		for (int column = 0; column < 5; column++)
			answer_number(column_number(&lines, column));
	reset(&lines);
	tpcc_commit();
	if (count != 0)
		database_fail(lines.sql, "wrong answer: not the number of lines that the order has");
	return true;
}
