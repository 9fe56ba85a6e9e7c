#include "tx/database.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/ticks.h"
#include "portcullis/portcullis.h"

#define PAGE_SIZE 4096

/* Of the protected library alone: a directly linked one copies nothing. */
__attribute__((weak)) size_t sqlite_bytes_copied(void);

uint64_t database_entrances, database_ticks;

static sqlite3 *database;
static struct statement *prepared;

/* The value of a call of the library, which is counted and timed. */
#define COUNTED(call)                                                                                        \
	({                                                                                                   \
		uint64_t start = ticks_now();                                                                \
		__auto_type answer = call;                                                                   \
                                                                                                             \
		database_ticks += ticks_now() - start;                                                       \
		database_entrances++;                                                                        \
		answer;                                                                                      \
	})

_Noreturn void database_fail(const char *what, const char *why)
{
	fprintf(stderr, "tx: %s: %s\n", what, why);
	exit(1);
}

/* `result` is not what it should be: a failed library has no text for it. */
static _Noreturn void refuse(const char *what, int result)
{
	const char *why = portcullis_failure("sqlite");

	if (!why)
		why = database ? sqlite3_errmsg(database) : sqlite3_errstr(result);
	database_fail(what, why ? why : "unknown error");
}

static void check(int result, int expected, const char *what)
{
	if (result != expected)
		refuse(what, result);
}

void database_open(size_t bytes)
{
	char sql[64];

	if (portcullis_attach("sqlite", PORTCULLIS_PRIVATE))
		database_fail("cannot begin", portcullis_error());
	check(sqlite3_initialize(), SQLITE_OK, "cannot start SQLite");
	check(sqlite3_open(":memory:", &database), SQLITE_OK, "cannot open the database");
	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %zu", bytes / PAGE_SIZE);
	check(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK,
	      "cannot set the size of the database");
}

void database_close(void)
{
	for (; prepared; prepared = prepared->next) {
		check(sqlite3_finalize(prepared->prepared), SQLITE_OK, "cannot finalize a statement");
		prepared->prepared = NULL;
	}
	check(sqlite3_close(database), SQLITE_OK, "cannot close the database");
	database = NULL;
	if (portcullis_detach("sqlite"))
		database_fail("cannot end", portcullis_error());
}

static sqlite3_stmt *handle_of(struct statement *statement)
{
	if (!statement->prepared) {
		check(sqlite3_prepare_v2(database, statement->sql, -1, &statement->prepared, NULL), SQLITE_OK,
		      statement->sql);
		statement->next = prepared;
		prepared = statement;
	}
	return statement->prepared;
}

void bind_numbers(struct statement *statement, const int64_t *numbers, size_t count)
{
	sqlite3_stmt *handle = handle_of(statement);

	for (size_t i = 0; i < count; i++)
		check(COUNTED(sqlite3_bind_int64(handle, (int)i + 1, numbers[i])), SQLITE_OK, statement->sql);
}

void bind_text(struct statement *statement, int place, const char *text)
{
	sqlite3_stmt *handle = handle_of(statement);

	check(COUNTED(sqlite3_bind_text(handle, place, text, -1, SQLITE_TRANSIENT)), SQLITE_OK,
	      statement->sql);
}

void bind_null(struct statement *statement, int place)
{
	sqlite3_stmt *handle = handle_of(statement);

	check(COUNTED(sqlite3_bind_null(handle, place)), SQLITE_OK, statement->sql);
}

bool next_row(struct statement *statement)
{
	sqlite3_stmt *handle = handle_of(statement);
	int result = COUNTED(sqlite3_step(handle));

	if (result != SQLITE_ROW)
		check(result, SQLITE_DONE, statement->sql);
	return result == SQLITE_ROW;
}

int64_t column_number(struct statement *statement, int column)
{
	return COUNTED(sqlite3_column_int64(statement->prepared, column));
}

const char *column_text(struct statement *statement, int column)
{
	const unsigned char *text = COUNTED(sqlite3_column_text(statement->prepared, column));

	if (!text)
		database_fail(statement->sql, "a text is missing");
	return (const char *)text;
}

void reset(struct statement *statement)
{
	check(COUNTED(sqlite3_reset(statement->prepared)), SQLITE_OK, statement->sql);
}

void execute(struct statement *statement)
{
	if (next_row(statement))
		database_fail(statement->sql, "a row where there should be none");
	reset(statement);
}

void first_row(struct statement *statement)
{
	if (!next_row(statement))
		database_fail(statement->sql, "wrong answer: the row is not there");
}

int64_t number_of(struct statement *statement)
{
	int64_t number;

	first_row(statement);
	number = column_number(statement, 0);
	reset(statement);
	return number;
}

uint64_t database_bytes_copied(void)
{
	return sqlite_bytes_copied ? sqlite_bytes_copied() : 0;
}
