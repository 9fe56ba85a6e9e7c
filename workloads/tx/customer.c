#include "tx/customer.h"

#include "tx/database.h"
#include "tx/input.h"
#include "tx/tpcc.h"

static int64_t middle_of(int64_t warehouse, int64_t district, const char *name)
{
	static struct statement count = {.sql = "SELECT count(*) FROM customer WHERE c_w_id = ? AND c_d_id = "
	                                        "? AND c_last = ?"},
	                        select = {.sql = "SELECT c_id FROM customer WHERE c_w_id = ?1 AND c_d_id = "
	                                         "?2 AND c_last = ?4 ORDER BY "
	                                         "c_first LIMIT 1 OFFSET ?3"};
	int64_t all;

	bind(&count, warehouse, district);
	bind_text(&count, 3, name);
	all = number_of(&count);
	bind(&select, warehouse, district, (all + 1) / 2 - (all > 0));
	bind_text(&select, 4, name);
	return number_of(&select);
}

int64_t customer_find(int64_t warehouse, int64_t district)
{
	char name[NAME_SIZE];

	if (!percent(60))
		return skewed_customer();
	last_name(name, skewed_name());
	return middle_of(warehouse, district, name);
}
