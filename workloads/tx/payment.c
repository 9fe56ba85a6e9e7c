/* The payment transaction, clause 2.5. */
#include <stdio.h>
#include <string.h>

#include "tx/customer.h"
#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

#define CUSTOMER_DATA_MAX 500

struct payment {
	int64_t warehouse, district, customer, customer_warehouse, customer_district, amount;
};

/* Reads a place: its name, and its address, which is an answer. */
static void read_place(struct statement *statement, char name[static NAME_SIZE])
{
	first_row(statement);
	snprintf(name, NAME_SIZE, "%s", column_text(statement, 0));
	for (int column = 1; column <= 5; column++)
		answer_text(column_text(statement, column));
	reset(statement);
}

static void pay_warehouse(const struct payment *payment, char name[static NAME_SIZE])
{
	static struct statement
	        update = {.sql = "UPDATE warehouse SET w_ytd = w_ytd + ?2 WHERE w_id = ?1"},
	        select = {.sql = "SELECT w_name, w_street_1, w_street_2, w_city, w_state, w_zip "
	                         "FROM warehouse WHERE w_id = ?"};

	bind(&update, payment->warehouse, payment->amount);
	execute(&update);
	bind(&select, payment->warehouse);
	read_place(&select, name);
}

static void pay_district(const struct payment *payment, char name[static NAME_SIZE])
{
	static struct statement
	        update = {.sql = "UPDATE district SET d_ytd = d_ytd + ?3 WHERE d_w_id = ?1 AND d_id "
	                         "= ?2"},
	        select = {.sql = "SELECT d_name, d_street_1, d_street_2, d_city, d_state, d_zip "
	                         "FROM district WHERE d_w_id = ? AND d_id = ?"};

	bind(&update, payment->warehouse, payment->district, payment->amount);
	execute(&update);
	bind(&select, payment->warehouse, payment->district);
	read_place(&select, name);
}

/* A customer with bad credit has all his payments on record, clause 2.5.2.2. */
static void note_payment(const struct payment *payment)
{
	static struct statement
	        select = {.sql = "SELECT c_data FROM customer WHERE c_w_id = ? AND c_d_id = ? AND c_id = ?"},
	        update = {.sql = "UPDATE customer SET c_data = ?4 WHERE c_w_id = ?1 AND c_d_id = ?2 AND c_id "
	                         "= ?3"};
	char data[CUSTOMER_DATA_MAX + 1];
	int length;

	length = snprintf(data, sizeof(data), "%d %d %d %d %d %d|", (int)payment->customer,
	                  (int)payment->customer_district, (int)payment->customer_warehouse,
	                  (int)payment->district, (int)payment->warehouse, (int)payment->amount);
	bind(&select, payment->customer_warehouse, payment->customer_district, payment->customer);
	first_row(&select);
	strncat(data, column_text(&select, 0), sizeof(data) - 1 - (size_t)length);
	reset(&select);
	bind(&update, payment->customer_warehouse, payment->customer_district, payment->customer);
	bind_text(&update, 4, data);
	execute(&update);
	answer_text(data);
}

static void pay_customer(const struct payment *payment)
{
	static struct statement
	        update = {.sql = "UPDATE customer SET c_balance = c_balance - ?4, c_ytd_payment = "
	                         "c_ytd_payment + ?4, c_payment_cnt = c_payment_cnt + 1 WHERE c_w_id "
	                         "= ?1 AND c_d_id = ?2 AND c_id = ?3"},
	        select = {.sql = "SELECT c_balance, c_discount, c_credit_lim, c_since, c_first, "
	                         "c_middle, c_last, c_street_1, c_street_2, c_city, c_state, c_zip, "
	                         "c_phone, c_credit FROM customer WHERE c_w_id = ? AND c_d_id = ? "
	                         "AND c_id = ?"};
	bool bad;

	bind(&update, payment->customer_warehouse, payment->customer_district, payment->customer,
	     payment->amount);
	execute(&update);
	bind(&select, payment->customer_warehouse, payment->customer_district, payment->customer);
	first_row(&select);
	for (int column = 0; column < 4; column++)
		answer_number(column_number(&select, column));
	for (int column = 4; column < 13; column++)
		answer_text(column_text(&select, column));
	bad = strcmp(column_text(&select, 13), "BC") == 0;
	reset(&select);
	if (bad)
		note_payment(payment);
}

static void choose(struct payment *payment)
{
	*payment = (struct payment){.warehouse = between(1, scale.warehouses),
	                            .district = between(1, DISTRICTS)};
	payment->customer_warehouse = payment->warehouse;
	payment->customer_district = payment->district;
	if (scale.warehouses > 1 && percent(15)) {
		payment->customer_warehouse = between(1, scale.warehouses - 1);
		payment->customer_warehouse += payment->customer_warehouse >= payment->warehouse;
		payment->customer_district = between(1, DISTRICTS);
	}
	payment->amount = between(100, 500000);
}

bool tpcc_payment(void)
{
	static struct statement history = {.sql = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)"};
	char warehouse[NAME_SIZE], district[NAME_SIZE], data[2 * NAME_SIZE + 4];
	struct payment payment;

	choose(&payment);
	tpcc_begin();
	payment.customer = customer_find(payment.customer_warehouse, payment.customer_district);
	pay_warehouse(&payment, warehouse);
	pay_district(&payment, district);
	pay_customer(&payment);
	bind(&history, payment.customer, payment.customer_district, payment.customer_warehouse,
	     payment.district, payment.warehouse, tpcc_date, payment.amount);
	snprintf(data, sizeof(data), "%s    %s", warehouse, district);
	bind_text(&history, 8, data);
	execute(&history);
	tpcc_commit();
	answer_text(data);
	return true;
}
