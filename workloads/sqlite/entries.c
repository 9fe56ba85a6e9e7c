/* The entry points: what the exports file names. */
#include "common/border.h"
#include "sqlite/protected.h"

typedef void (*destructor)(void *);
typedef int (*row_callback)(void *, int, char **, char **);

#define ENTRY(type, name, parameters, arguments)                                                             \
	type entry_##name parameters;                                                                        \
	type entry_##name parameters                                                                         \
	{                                                                                                    \
		return border_is_open() ? sqlite3_##name arguments : protected_##name arguments;             \
	}
#define ENTRY_PLAIN(type, name, kind, parameters, arguments, inner, failure)                                 \
	ENTRY(type, name, parameters, arguments)

SQLITE_PLAIN_FUNCTIONS(ENTRY_PLAIN)
SQLITE_POINTER_FUNCTIONS(ENTRY)

int entry_initialize(void);
int entry_libversion_number(void);
sqlite3_int64 entry_memory_used(void);
size_t sqlite_bytes_copied(void);
int entry_exec(sqlite3 *database, const char *sql, void *callback, void *argument, char **message);
int entry_bind_text(sqlite3_stmt *statement, int place, const char *text, int size, intptr_t kind);
int entry_bind_blob(sqlite3_stmt *statement, int place, const void *bytes, int size, intptr_t kind);

int entry_initialize(void)
{
	return SQLITE_OK; /* the library's init function has done it */
}

int entry_libversion_number(void)
{
	return SQLITE_VERSION_NUMBER;
}

sqlite3_int64 entry_memory_used(void)
{
	return sqlite3_memory_used();
}

size_t sqlite_bytes_copied(void)
{
	return window_bytes_copied;
}

int entry_exec(sqlite3 *database, const char *sql, void *callback, void *argument, char **message)
{
	if (border_is_open())
		return sqlite3_exec(database, sql, (row_callback)callback, argument, message);
	return protected_exec(database, sql, callback, argument, message);
}

int entry_bind_text(sqlite3_stmt *statement, int place, const char *text, int size, intptr_t kind)
{
	if (border_is_open())
		return sqlite3_bind_text(statement, place, text, size, (destructor)kind);
	return protected_bind_text(statement, place, text, size);
}

int entry_bind_blob(sqlite3_stmt *statement, int place, const void *bytes, int size, intptr_t kind)
{
	if (border_is_open())
		return sqlite3_bind_blob(statement, place, bytes, size, (destructor)kind);
	return protected_bind_blob(statement, place, bytes, size);
}
