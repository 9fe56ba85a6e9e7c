/* The tables, clause 1.3, and their initial population, clause 4.3.3. */
#include <string.h>

#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

#define BATCH           500 /* rows in one database transaction */
#define FIRST_PAYMENT   1000
#define CREDIT_LIMIT    5000000
#define LINE_AMOUNT_MAX 999999

#define ADDRESS(letter)                                                                                      \
#letter "_street_1 TEXT, " #letter "_street_2 TEXT, " #letter "_city TEXT, " #letter                 \
	        "_state TEXT, " #letter "_zip TEXT"

static const char *const tables[] = {
        "CREATE TABLE warehouse (w_id INTEGER PRIMARY KEY, w_tax INTEGER, w_ytd INTEGER, w_name "
        "TEXT, " ADDRESS(w) ")",
        "CREATE TABLE district (d_w_id INTEGER, d_id INTEGER, d_tax INTEGER, d_ytd INTEGER, d_next_o_id "
        "INTEGER, d_name TEXT, " ADDRESS(d) ", PRIMARY KEY (d_w_id, d_id)) WITHOUT ROWID",
        "CREATE TABLE customer (c_w_id INTEGER, c_d_id INTEGER, c_id INTEGER, c_since INTEGER, c_credit_lim "
        "INTEGER, c_discount INTEGER, c_balance INTEGER, c_ytd_payment INTEGER, c_payment_cnt INTEGER, "
        "c_delivery_cnt INTEGER, c_first TEXT, c_middle TEXT, c_last TEXT, " ADDRESS(
                c) ", c_phone TEXT, c_credit TEXT, c_data TEXT, PRIMARY KEY (c_w_id, c_d_id, c_id)) WITHOUT "
                   "ROWID",
        "CREATE INDEX customer_name ON customer (c_w_id, c_d_id, c_last, c_first)",
        "CREATE TABLE history (h_c_id INTEGER, h_c_d_id INTEGER, h_c_w_id INTEGER, h_d_id INTEGER, h_w_id "
        "INTEGER, h_date INTEGER, h_amount INTEGER, h_data TEXT)",
        "CREATE TABLE new_order (no_w_id INTEGER, no_d_id INTEGER, no_o_id INTEGER, PRIMARY KEY (no_w_id, "
        "no_d_id, no_o_id)) WITHOUT ROWID",
        "CREATE TABLE orders (o_w_id INTEGER, o_d_id INTEGER, o_id INTEGER, o_c_id INTEGER, o_entry_d "
        "INTEGER, o_ol_cnt INTEGER, o_all_local INTEGER, o_carrier_id INTEGER, PRIMARY KEY (o_w_id, o_d_id, "
        "o_id)) WITHOUT ROWID",
        "CREATE INDEX orders_customer ON orders (o_w_id, o_d_id, o_c_id, o_id)",
        "CREATE TABLE order_line (ol_w_id INTEGER, ol_d_id INTEGER, ol_o_id INTEGER, ol_number INTEGER, "
        "ol_i_id INTEGER, ol_supply_w_id INTEGER, ol_quantity INTEGER, ol_amount INTEGER, ol_delivery_d "
        "INTEGER, ol_dist_info TEXT, PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number)) WITHOUT ROWID",
        "CREATE TABLE item (i_id INTEGER PRIMARY KEY, i_im_id INTEGER, i_price INTEGER, i_name TEXT, i_data "
        "TEXT)",
        "CREATE TABLE stock (s_w_id INTEGER, s_i_id INTEGER, s_quantity INTEGER, s_ytd INTEGER, s_order_cnt "
        "INTEGER, s_remote_cnt INTEGER, s_dist_1 TEXT, s_dist_2 TEXT, s_dist_3 TEXT, s_dist_4 TEXT, s_dist_5 "
        "TEXT, s_dist_6 TEXT, s_dist_7 TEXT, s_dist_8 TEXT, s_dist_9 TEXT, s_dist_10 TEXT, s_data TEXT, "
        "PRIMARY KEY (s_w_id, s_i_id)) WITHOUT ROWID",
};

static struct statement creates[sizeof(tables) / sizeof(tables[0])];
static unsigned in_batch;

static void insert(struct statement *statement)
{
	execute(statement);
	if (++in_batch % BATCH == 0) {
		tpcc_commit();
		tpcc_begin();
	}
}

/* Street, street, city, state and zip code from parameter `place` on; returns the place behind them. */
static int bind_address(struct statement *statement, int place)
{
	char text[24];

	bind_text(statement, place++, letters(text, 10, 20));
	bind_text(statement, place++, letters(text, 10, 20));
	bind_text(statement, place++, letters(text, 10, 20));
	bind_text(statement, place++, letters(text, 2, 2));
	digits(text, 4);
	strcat(text, "11111");
	bind_text(statement, place++, text);
	return place;
}

/* Data of items and stock: every tenth holds the word that new orders look for. */
static char *item_data(char *text)
{
	static const char original[] = "ORIGINAL";
	size_t length;

	length = strlen(letters(text, 26, 50));
	if (percent(10))
		memcpy(text + between(0, (int64_t)(length - strlen(original))), original, strlen(original));
	return text;
}

static void load_items(void)
{
	static struct statement one = {.sql = "INSERT INTO item VALUES (?, ?, ?, ?, ?)"};
	char text[64];

	for (int64_t item = 1; item <= scale.items; item++) {
		bind(&one, item, between(1, 10000), between(100, 10000));
		bind_text(&one, 4, letters(text, 14, 24));
		bind_text(&one, 5, item_data(text));
		insert(&one);
	}
}

static void load_stock(int64_t warehouse)
{
	static struct statement one = {
	        .sql = "INSERT INTO stock VALUES (?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
	char text[64];

	for (int64_t item = 1; item <= scale.items; item++) {
		bind(&one, warehouse, item, between(10, 100));
		for (int district = 0; district < DISTRICTS; district++)
			bind_text(&one, 4 + district, letters(text, 24, 24));
		bind_text(&one, 4 + DISTRICTS, item_data(text));
		insert(&one);
	}
}

static void load_history(int64_t warehouse, int64_t district, int64_t customer)
{
	static struct statement one = {.sql = "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?)"};
	char text[32];

	bind(&one, customer, district, warehouse, district, warehouse, 0, FIRST_PAYMENT);
	bind_text(&one, 8, letters(text, 12, 24));
	insert(&one);
}

static void load_customer(int64_t warehouse, int64_t district, int64_t customer)
{
	static struct statement one = {
	        .sql = "INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, ?, 'OE', "
	               "?, ?, ?, ?, ?, ?, ?, ?, ?)"};
	char name[NAME_SIZE], text[512];
	int place;

	last_name(name, customer <= 1000 ? customer - 1 : skewed_name());
	bind(&one, warehouse, district, customer, 0, CREDIT_LIMIT, between(0, 5000), -FIRST_PAYMENT,
	     FIRST_PAYMENT);
	bind_text(&one, 9, letters(text, 8, 16));
	bind_text(&one, 10, name);
	place = bind_address(&one, 11);
	bind_text(&one, place, digits(text, 16));
	bind_text(&one, place + 1, percent(10) ? "BC" : "GC");
	bind_text(&one, place + 2, letters(text, 300, 500));
	insert(&one);
	load_history(warehouse, district, customer);
}

static void load_line(int64_t warehouse, int64_t district, int64_t order, int64_t line)
{
	static struct statement one = {.sql = "INSERT INTO order_line VALUES (?, ?, ?, ?, ?, ?, 5, ?, ?, ?)"};
	bool delivered = order <= tpcc_delivered_at_first();
	char text[32];

	bind(&one, warehouse, district, order, line, between(1, scale.items), warehouse,
	     delivered ? 0 : between(1, LINE_AMOUNT_MAX), 0);
	if (!delivered)
		bind_null(&one, 8);
	bind_text(&one, 9, letters(text, 24, 24));
	insert(&one);
}

static void load_order(int64_t warehouse, int64_t district, int64_t order, int64_t customer)
{
	static struct statement one = {.sql = "INSERT INTO orders VALUES (?, ?, ?, ?, 0, ?, 1, ?)"},
	                        open = {.sql = "INSERT INTO new_order VALUES (?, ?, ?)"};
	int64_t lines = between(5, LINES_MAX);

	bind(&one, warehouse, district, order, customer, lines, between(1, 10));
	if (order > tpcc_delivered_at_first())
		bind_null(&one, 6);
	insert(&one);
	for (int64_t line = 1; line <= lines; line++)
		load_line(warehouse, district, order, line);
	if (order <= tpcc_delivered_at_first())
		return;
	bind(&open, warehouse, district, order);
	insert(&open);
}

/* Every customer has one order, in random order, clause 4.3.3.1. */
static void load_orders(int64_t warehouse, int64_t district)
{
	static int64_t customers[3000];

	for (int64_t i = 0; i < scale.customers; i++) {
		int64_t place = between(0, i);

		customers[i] = customers[place];
		customers[place] = i + 1;
	}
	for (int64_t order = 1; order <= scale.customers; order++)
		load_order(warehouse, district, order, customers[order - 1]);
}

static void load_district(int64_t warehouse, int64_t district)
{
	static struct statement one = {
	        .sql = "INSERT INTO district VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
	char text[16];

	bind(&one, warehouse, district, between(0, 2000), scale.customers * FIRST_PAYMENT,
	     scale.customers + 1);
	bind_text(&one, 6, letters(text, 6, 10));
	bind_address(&one, 7);
	insert(&one);
	for (int64_t customer = 1; customer <= scale.customers; customer++)
		load_customer(warehouse, district, customer);
	load_orders(warehouse, district);
}

static void load_warehouse(int64_t warehouse)
{
	static struct statement one = {.sql = "INSERT INTO warehouse VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
	char text[16];

	bind(&one, warehouse, between(0, 2000), DISTRICTS * scale.customers * FIRST_PAYMENT);
	bind_text(&one, 4, letters(text, 6, 10));
	bind_address(&one, 5);
	insert(&one);
	load_stock(warehouse);
	for (int64_t district = 1; district <= DISTRICTS; district++)
		load_district(warehouse, district);
}

void tpcc_load(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		creates[i].sql = tables[i];
		execute(&creates[i]);
	}
	tpcc_begin();
	load_items();
	for (int64_t warehouse = 1; warehouse <= scale.warehouses; warehouse++)
		load_warehouse(warehouse);
	tpcc_commit();
}
