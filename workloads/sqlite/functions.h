/*
 * The functions of sqlite3.h that are entry points: sqlite3_NAME is SQLite's; protected_NAME does the same
 * for a caller behind a border; entry_NAME, which the exports file names, decides between the two.
 */
#ifndef SQLITE_FUNCTIONS_H
#define SQLITE_FUNCTIONS_H

/* clang-format off */

/*
 * Those whose arguments and results are numbers: FUNCTION(type, name, kind of the handle `pointer`, parameters, arguments,
 * arguments of SQLite's function, result for what is no handle).
 */
#define SQLITE_PLAIN_FUNCTIONS(FUNCTION) \
	FUNCTION(int, errcode, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), SQLITE_MISUSE) \
	FUNCTION(int, extended_errcode, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), SQLITE_MISUSE) \
	FUNCTION(int, changes, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), 0) \
	FUNCTION(int, total_changes, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), 0) \
	FUNCTION(sqlite3_int64, last_insert_rowid, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), 0) \
	FUNCTION(int, get_autocommit, HANDLE_DATABASE, (sqlite3 *pointer), (pointer), (object), 0) \
	FUNCTION(int, clear_bindings, HANDLE_STATEMENT, (sqlite3_stmt *pointer), (pointer), (object), SQLITE_MISUSE) \
	FUNCTION(int, bind_parameter_count, HANDLE_STATEMENT, (sqlite3_stmt *pointer), (pointer), (object), 0) \
	FUNCTION(int, bind_null, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int place), (pointer, place), (object, place), SQLITE_MISUSE) \
	FUNCTION(int, bind_int, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int place, int value), (pointer, place, value), \
	         (object, place, value), SQLITE_MISUSE) \
	FUNCTION(int, bind_int64, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int place, sqlite3_int64 value), (pointer, place, value), \
	         (object, place, value), SQLITE_MISUSE) \
	FUNCTION(int, bind_double, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int place, double value), (pointer, place, value), \
	         (object, place, value), SQLITE_MISUSE) \
	FUNCTION(int, bind_zeroblob, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int place, int size), (pointer, place, size), \
	         (object, place, size), SQLITE_MISUSE) \
	FUNCTION(int, data_count, HANDLE_STATEMENT, (sqlite3_stmt *pointer), (pointer), (object), 0) \
	FUNCTION(int, column_count, HANDLE_STATEMENT, (sqlite3_stmt *pointer), (pointer), (object), 0) \
	FUNCTION(int, column_type, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int column), (pointer, column), (object, column), SQLITE_NULL) \
	FUNCTION(int, column_bytes, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int column), (pointer, column), (object, column), 0) \
	FUNCTION(int, column_int, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int column), (pointer, column), (object, column), 0) \
	FUNCTION(sqlite3_int64, column_int64, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int column), (pointer, column), (object, column), 0) \
	FUNCTION(double, column_double, HANDLE_STATEMENT, (sqlite3_stmt *pointer, int column), (pointer, column), (object, column), 0)

/* Those that pass memory, or make and end handles: FUNCTION(type, name, parameters, arguments). */
#define SQLITE_POINTER_FUNCTIONS(FUNCTION) \
	FUNCTION(const char *, errstr, (int code), (code)) \
	FUNCTION(const char *, libversion, (void), ()) \
	FUNCTION(int, open, (const char *name, sqlite3 **database), (name, database)) \
	FUNCTION(int, close, (sqlite3 *database), (database)) \
	FUNCTION(void, free, (void *memory), (memory)) \
	FUNCTION(const char *, errmsg, (sqlite3 *database), (database)) \
	FUNCTION(int, prepare_v2, (sqlite3 *database, const char *sql, int size, sqlite3_stmt **statement, const char **tail), \
	         (database, sql, size, statement, tail)) \
	FUNCTION(int, step, (sqlite3_stmt *statement), (statement)) \
	FUNCTION(int, reset, (sqlite3_stmt *statement), (statement)) \
	FUNCTION(int, finalize, (sqlite3_stmt *statement), (statement)) \
	FUNCTION(const unsigned char *, column_text, (sqlite3_stmt *statement, int column), (statement, column)) \
	FUNCTION(const void *, column_blob, (sqlite3_stmt *statement, int column), (statement, column)) \
	FUNCTION(const char *, column_name, (sqlite3_stmt *statement, int column), (statement, column))

/* clang-format on */

#endif
