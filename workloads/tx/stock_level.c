/* The stock-level transaction, clause 2.8: items of a district's last orders that run out. */
#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

#define LAST_ORDERS 20

bool tpcc_stock_level(void)
{
	static struct statement
	        next = {.sql = "SELECT d_next_o_id FROM district WHERE d_w_id = ? AND d_id = ?"},
	        count = {.sql = "SELECT count(DISTINCT s_i_id) FROM order_line JOIN stock ON s_w_id = "
	                        "ol_w_id AND s_i_id "
	                        "= ol_i_id WHERE ol_w_id = ?1 AND ol_d_id = ?2 AND ol_o_id < ?3 AND ol_o_id "
	                        ">= ?4 AND "
	                        "s_quantity < ?5"};
	int64_t warehouse = between(1, scale.warehouses), district = between(1, DISTRICTS),
	        threshold = between(10, 20);
	int64_t order;

	tpcc_begin();
	bind(&next, warehouse, district);
	order = number_of(&next);
	bind(&count, warehouse, district, order, order - LAST_ORDERS, threshold);
	answer_number(number_of(&count));
	tpcc_commit();
	return true;
}
