/* The new-order transaction, clause 2.4. */
#include <string.h>

#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

#define STOCK(district)                                                                                      \
	{                                                                                                    \
		.sql = "SELECT s_quantity, s_data, s_dist_" #district " FROM stock WHERE s_w_id = ? AND "    \
		       "s_i_id = ?"                                                                          \
	}

struct line {
	int64_t item, supplier, quantity;
};

struct order {
	int64_t warehouse, district, customer, number, count;
	struct line lines[LINES_MAX];
};

static void choose(struct order *order)
{
	order->warehouse = between(1, scale.warehouses);
	order->district = between(1, DISTRICTS);
	order->customer = skewed_customer();
	order->count = between(5, LINES_MAX);
	for (struct line *line = order->lines; line < order->lines + order->count; line++) {
		*line = (struct line){skewed_item(), order->warehouse, between(1, 10)};
		if (scale.warehouses > 1 && percent(1)) {
			line->supplier = between(1, scale.warehouses - 1);
			line->supplier += line->supplier >= order->warehouse;
		}
	}
	if (percent(1))
		order->lines[order->count - 1].item = scale.items + 1; /* unused */
}

static bool all_local(const struct order *order)
{
	for (int64_t i = 0; i < order->count; i++)
		if (order->lines[i].supplier != order->warehouse)
			return false;
	return true;
}

/* What the lines' sum is multiplied by: (1 - discount) * (1 + taxes), in RATE_UNIT squared. */
static int64_t read_rates(struct order *order)
{
	static struct statement
	        warehouse = {.sql = "SELECT w_tax FROM warehouse WHERE w_id = ?"},
	        district = {.sql = "SELECT d_tax, d_next_o_id FROM district WHERE d_w_id = ? AND "
	                           "d_id = ?"},
	        customer = {.sql = "SELECT c_discount, c_last, c_credit FROM customer WHERE c_w_id "
	                           "= ? AND c_d_id = ? AND c_id = ?"};
	int64_t taxes, discount;

	bind(&warehouse, order->warehouse);
	taxes = number_of(&warehouse);
	bind(&district, order->warehouse, order->district);
	first_row(&district);
	taxes += column_number(&district, 0);
	order->number = column_number(&district, 1);
	reset(&district);
	bind(&customer, order->warehouse, order->district, order->customer);
	first_row(&customer);
	discount = column_number(&customer, 0);
	answer_text(column_text(&customer, 1));
	answer_text(column_text(&customer, 2));
	reset(&customer);
	return (RATE_UNIT - discount) * (RATE_UNIT + taxes);
}

static void insert_order(const struct order *order)
{
	static struct statement
	        next = {.sql = "UPDATE district SET d_next_o_id = ?3 + 1 WHERE d_w_id = ?1 AND d_id "
	                       "= ?2"},
	        insert = {.sql = "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, NULL)"},
	        open = {.sql = "INSERT INTO new_order VALUES (?, ?, ?)"};

	bind(&next, order->warehouse, order->district, order->number);
	execute(&next);
	bind(&insert, order->warehouse, order->district, order->number, order->customer, tpcc_date,
	     order->count, all_local(order));
	execute(&insert);
	bind(&open, order->warehouse, order->district, order->number);
	execute(&open);
}

/* Takes the goods from stock, which is filled up when less than ten would be left; writes the line. */
static void ship(const struct order *order, int64_t number, int64_t amount, bool original)
{
	static struct statement
	        stock[DISTRICTS] = {STOCK(1), STOCK(2), STOCK(3), STOCK(4), STOCK(5),
	                            STOCK(6), STOCK(7), STOCK(8), STOCK(9), STOCK(10)},
	        update = {.sql = "UPDATE stock SET s_quantity = ?, s_ytd = s_ytd + ?, s_order_cnt = "
	                         "s_order_cnt + 1, s_remote_cnt = s_remote_cnt + ? WHERE s_w_id = ? "
	                         "AND s_i_id = ?"},
	        insert = {.sql = "INSERT INTO order_line VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)"};
	struct statement *select = &stock[order->district - 1];
	const struct line *line = &order->lines[number];
	int64_t quantity;

	bind(select, line->supplier, line->item);
	first_row(select);
	quantity = column_number(select, 0);
	original &= strstr(column_text(select, 1), "ORIGINAL") != NULL;
	bind(&insert, order->warehouse, order->district, order->number, number + 1, line->item,
	     line->supplier, line->quantity, amount);
	bind_text(&insert, 9, column_text(select, 2));
	reset(select);
	execute(&insert);
	quantity -= line->quantity;
	if (quantity < 10)
		quantity += 91;
	bind(&update, quantity, line->quantity, line->supplier != order->warehouse, line->supplier,
	     line->item);
	execute(&update);
	answer_number(quantity);
	answer_number(original);
}

bool tpcc_new_order(void)
{
	static struct statement item = {.sql = "SELECT i_price, i_name, i_data FROM item WHERE i_id = ?"};
	struct order order;
	int64_t rates, sum = 0;

	choose(&order);
	tpcc_begin();
	rates = read_rates(&order);
	insert_order(&order);
	for (int64_t number = 0; number < order.count; number++) {
		int64_t amount;
		bool original;

		bind(&item, order.lines[number].item);
		if (!next_row(&item)) {
			reset(&item);
			tpcc_rollback();
			return false;
		}
		amount = column_number(&item, 0) * order.lines[number].quantity;
		answer_text(column_text(&item, 1));
		original = strstr(column_text(&item, 2), "ORIGINAL") != NULL;
		reset(&item);
		sum += amount;
		ship(&order, number, amount, original);
	}
	tpcc_commit();
	answer_number(order.number);
	answer_number(sum * rates / RATE_UNIT / RATE_UNIT);
	return true;
}
