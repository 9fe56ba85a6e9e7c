/* Records in SQLite: a table with a column for each field, as YCSB's own driver for SQL databases has it. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "kv/store.h"
#include "portcullis/portcullis.h"

#define LOAD_BATCH 100 /* records in one transaction */
#define PAGE_SIZE  4096

/* Of the protected library alone: a directly linked one copies nothing. */
__attribute__((weak)) size_t sqlite_bytes_copied(void);

static sqlite3 *database;
static sqlite3_stmt *insert_one, *read_one, *scan_some, *update_field[FIELDS], *begin, *commit;
static size_t size_of_field;
static unsigned loaded;
static bool loading;
static sqlite3_stmt *reading; /* until done() */

/* `result` is not what it should be: a failed library has no text for it. */
static _Noreturn void refuse(const char *what, int result)
{
	const char *why = portcullis_failure("sqlite");

	if (!why)
		why = database ? sqlite3_errmsg(database) : sqlite3_errstr(result);
	store_fail(what, why ? why : "unknown error");
}

static void check(int result, int expected, const char *what)
{
	store_entrances++;
	if (result != expected)
		refuse(what, result);
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;

	check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK,
	      "cannot prepare a statement");
	return statement;
}

static void execute(const char *sql)
{
	check(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK, sql);
}

/* Runs a statement that returns no row. */
static void run(sqlite3_stmt *statement, const char *what)
{
	check(sqlite3_step(statement), SQLITE_DONE, what);
	check(sqlite3_reset(statement), SQLITE_OK, what);
}

static void bind_key(sqlite3_stmt *statement, int place, const char *key)
{
	check(sqlite3_bind_text(statement, place, key, KEY_SIZE - 1, SQLITE_STATIC), SQLITE_OK,
	      "cannot bind a key");
}

static void bind_field(sqlite3_stmt *statement, int place, const void *bytes)
{
	check(sqlite3_bind_blob(statement, place, bytes, (int)size_of_field, SQLITE_STATIC), SQLITE_OK,
	      "cannot bind a field");
}

static void prepare_all(void)
{
	char sql[128];

	insert_one = prepare("INSERT INTO usertable VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	read_one = prepare("SELECT * FROM usertable WHERE ycsb_key = ?");
	scan_some = prepare("SELECT * FROM usertable WHERE ycsb_key >= ? ORDER BY ycsb_key LIMIT ?");
	begin = prepare("BEGIN");
	commit = prepare("COMMIT");
	for (unsigned field = 0; field < FIELDS; field++) {
		snprintf(sql, sizeof(sql), "UPDATE usertable SET field%u = ? WHERE ycsb_key = ?", field);
		update_field[field] = prepare(sql);
	}
}

static void open_store(size_t bytes, size_t field_size)
{
	char sql[64];

	size_of_field = field_size;
	if (portcullis_attach("sqlite", PORTCULLIS_PRIVATE))
		store_fail("cannot begin", portcullis_error());
	check(sqlite3_initialize(), SQLITE_OK, "cannot start");
	check(sqlite3_open(":memory:", &database), SQLITE_OK, "cannot open the database");
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %zu", bytes / PAGE_SIZE);
	execute(sql);
	execute("CREATE TABLE usertable (ycsb_key TEXT PRIMARY KEY, field0 BLOB, field1 BLOB, field2 BLOB, "
	        "field3 BLOB, "
	        "field4 BLOB, field5 BLOB, field6 BLOB, field7 BLOB, field8 BLOB, field9 BLOB)");
	prepare_all();
}

static void close_store(void)
{
	sqlite3_stmt *const statements[] = {insert_one, read_one, scan_some, begin, commit};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		check(sqlite3_finalize(statements[i]), SQLITE_OK, "cannot finalize a statement");
	for (unsigned field = 0; field < FIELDS; field++)
		check(sqlite3_finalize(update_field[field]), SQLITE_OK, "cannot finalize a statement");
	check(sqlite3_close(database), SQLITE_OK, "cannot close the database");
	database = NULL;
	if (portcullis_detach("sqlite"))
		store_fail("cannot end", portcullis_error());
}

static void start_load(void)
{
	loading = true;
	loaded = 0;
	run(begin, "cannot begin a transaction");
}

static void end_load(void)
{
	run(commit, "cannot commit");
	loading = false;
}

static void insert(const char *key, const void *record)
{
	bind_key(insert_one, 1, key);
	for (unsigned field = 0; field < FIELDS; field++)
		bind_field(insert_one, (int)field + 2, (const char *)record + field * size_of_field);
	run(insert_one, "cannot store a record");
	if (loading && ++loaded % LOAD_BATCH == 0) {
		run(commit, "cannot commit");
		run(begin, "cannot begin a transaction");
	}
}

static void update(const char *key, unsigned field, const void *bytes)
{
	bind_field(update_field[field], 1, bytes);
	bind_key(update_field[field], 2, key);
	run(update_field[field], "cannot update a record");
}

/* The columns of a row belong to SQLite until its next step: they are copied. */
static void take_row(sqlite3_stmt *statement, struct row *row)
{
	static char records[SCAN_MAX][FIELDS * 4096], keys[SCAN_MAX][KEY_SIZE];
	static unsigned next;
	unsigned slot = next++ % SCAN_MAX;
	const void *bytes = sqlite3_column_text(statement, 0);

	*row = (struct row){keys[slot], (size_t)sqlite3_column_bytes(statement, 0), records[slot], 0};
	if (!bytes || row->key_size != KEY_SIZE - 1)
		store_fail("cannot read a row", "its key has the wrong size");
	memcpy(keys[slot], bytes, row->key_size);
	for (int field = 0; field < FIELDS; field++) {
		bytes = sqlite3_column_blob(statement, field + 1);
		if (!bytes || (size_t)sqlite3_column_bytes(statement, field + 1) != size_of_field)
			store_fail("cannot read a row", "a field has the wrong size");
		memcpy(records[slot] + row->size, bytes, size_of_field);
		row->size += size_of_field;
	}
	store_entrances += 2 * (FIELDS + 1);
}

static bool step(sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	check(result == SQLITE_ROW ? SQLITE_DONE : result, SQLITE_DONE, "cannot read a row");
	return result == SQLITE_ROW;
}

static bool read_record(const char *key, struct row *row)
{
	bool found;

	reading = read_one;
	bind_key(read_one, 1, key);
	found = step(read_one);
	if (found)
		take_row(read_one, row);
	return found;
}

static unsigned scan(const char *key, unsigned count, struct row *rows)
{
	unsigned found = 0;

	reading = scan_some;
	bind_key(scan_some, 1, key);
	check(sqlite3_bind_int(scan_some, 2, (int)count), SQLITE_OK, "cannot bind a number");
	while (step(scan_some))
		take_row(scan_some, &rows[found++]);
	return found;
}

static void done(void)
{
	check(sqlite3_reset(reading), SQLITE_OK, "cannot end a query");
}

static uint64_t bytes_copied(void)
{
	return sqlite_bytes_copied ? sqlite_bytes_copied() : 0;
}

const struct store store_sqlite = {
        .name = "sqlite",
        .open = open_store,
        .close = close_store,
        .start_load = start_load,
        .end_load = end_load,
        .insert = insert,
        .update = update,
        .read = read_record,
        .scan = scan,
        .done = done,
        .bytes_copied = bytes_copied,
};
