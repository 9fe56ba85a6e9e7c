/*
 * The functions of sqlite3.h for a caller who has no access to the domain: they check handles, copy arguments
 * in, and copy results out.
 */
#ifndef SQLITE_PROTECTED_H
#define SQLITE_PROTECTED_H

#include <sqlite3.h>
#include <stdint.h>

#include "sqlite/functions.h"
#include "sqlite/handles.h"

#define DECLARE_PLAIN(type, name, kind, parameters, arguments, inner, failure)                               \
	type protected_##name parameters;
#define DECLARE(type, name, parameters, arguments) type protected_##name parameters;
SQLITE_PLAIN_FUNCTIONS(DECLARE_PLAIN)
SQLITE_POINTER_FUNCTIONS(DECLARE)
#undef DECLARE
#undef DECLARE_PLAIN

/* `callback` must be NULL: SQLite would call the application with the library's rights. */
int protected_exec(sqlite3 *database, const char *sql, const void *callback, void *argument, char **message);

/* The destructor is not called: SQLite gets a copy, whatever it is. */
int protected_bind_text(sqlite3_stmt *statement, int place, const char *text, int size);
int protected_bind_blob(sqlite3_stmt *statement, int place, const void *bytes, int size);

/* Inside the library. */
int memory_copy_out(void *application, const void *from, size_t size); /* 0 or SQLITE_IOERR_ACCESS */

#endif
