/*
 * SQL statements on the one database of tx: prepared at their first use, run, and counted. What SQLite
 * refuses ends the program with a sentence and status 1.
 */
#ifndef TX_DATABASE_H
#define TX_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct statement {
	const char *sql;
	sqlite3_stmt *prepared; /* NULL: not yet */
	struct statement *next; /* of those that are prepared */
};

/* Opens an empty database of at most `bytes`. */
void database_open(size_t bytes);
void database_close(void);

/* Gives the first parameters, in order, these numbers; other parameters follow with bind_text(). */
#define bind(statement, ...)                                                                                 \
	bind_numbers(statement, (const int64_t[]){__VA_ARGS__},                                              \
	             sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
void bind_numbers(struct statement *statement, const int64_t *numbers, size_t count);
void bind_text(struct statement *statement, int place, const char *text);
void bind_null(struct statement *statement, int place);

/* The next row, or false: there is none. */
bool next_row(struct statement *statement);

/* Of the current row; a text lasts until the next row or reset(). */
int64_t column_number(struct statement *statement, int column);
const char *column_text(struct statement *statement, int column);

/* Ends a query; bound parameters stay. */
void reset(struct statement *statement);

/* Runs a statement that returns no row. */
void execute(struct statement *statement);

/* The first row, which must exist; reset() follows. */
void first_row(struct statement *statement);

/* A query of one number. */
int64_t number_of(struct statement *statement);

/* Calls of the library so far, and the ticks that they took. */
extern uint64_t database_entrances, database_ticks;

/* Bytes that crossed the library's border so far. */
uint64_t database_bytes_copied(void);

_Noreturn void database_fail(const char *what, const char *why);

#endif
