/* On statements: running them, and the values that go in and come out. */
#include <string.h>

#include "portcullis/library.h"
#include "sqlite/protected.h"

#define VALUE_MAX (64 << 20)

int protected_step(sqlite3_stmt *statement)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	int result;

	if (!handle)
		return SQLITE_MISUSE;
	window_clear(&handle->window);
	result = sqlite3_step(handle->object);
	library_leave();
	return result;
}

int protected_reset(sqlite3_stmt *statement)
{
	struct handle *handle;
	int result;

	if (!statement)
		return SQLITE_OK;
	handle = handle_enter(statement, HANDLE_STATEMENT);
	if (!handle)
		return SQLITE_MISUSE;
	window_clear(&handle->window);
	result = sqlite3_reset(handle->object);
	library_leave();
	return result;
}

int protected_finalize(sqlite3_stmt *statement)
{
	struct handle *handle;
	int result;

	if (!statement)
		return SQLITE_OK;
	handle = handle_enter(statement, HANDLE_STATEMENT);
	if (!handle)
		return SQLITE_MISUSE;
	result = sqlite3_finalize(handle->object);
	handle_free(handle);
	library_leave();
	return result;
}

/* A copy of the caller's bytes on SQLite's heap: SQLITE_OK, SQLITE_NOMEM, SQLITE_TOOBIG or
 * SQLITE_IOERR_ACCESS. */
static int copy_value(const void *bytes, size_t size, void **copy)
{
	if (size > VALUE_MAX)
		return SQLITE_TOOBIG;
	*copy = sqlite3_malloc64(size ? size : 1);
	if (!*copy)
		return SQLITE_NOMEM;
	window_bytes_copied += size;
	if (!portcullis_copy_in(*copy, bytes, size))
		return SQLITE_OK;
	sqlite3_free(*copy);
	return SQLITE_IOERR_ACCESS;
}

/* The copy becomes SQLite's, which frees it even when it fails. */
int protected_bind_blob(sqlite3_stmt *statement, int place, const void *bytes, int size)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	void *copy;
	int result;

	if (!handle)
		return SQLITE_MISUSE;
	if (!bytes)
		result = sqlite3_bind_null(handle->object, place);
	else if (size < 0)
		result = SQLITE_MISUSE;
	else
		result = copy_value(bytes, (size_t)size, &copy);
	if (bytes && result == SQLITE_OK)
		result = sqlite3_bind_blob(handle->object, place, copy, size, sqlite3_free);
	library_leave();
	return result;
}

/* Of a text without a size: up to its NUL. */
static int copy_text(const char *text, int *size, void **copy)
{
	char start[256];
	long length;

	if (*size >= 0)
		return copy_value(text, (size_t)*size, copy);
	length = portcullis_copy_in_string(start, text, sizeof(start));
	if (length >= 0) {
		*size = (int)length;
		*copy = sqlite3_malloc64((size_t)length + 1);
		if (!*copy)
			return SQLITE_NOMEM;
		memcpy(*copy, start, (size_t)length + 1);
		window_bytes_copied += (size_t)length;
		return SQLITE_OK;
	}
	*copy = sqlite3_malloc64(VALUE_MAX / 64);
	if (!*copy)
		return SQLITE_NOMEM;
	length = portcullis_copy_in_string(*copy, text, VALUE_MAX / 64);
	if (length < 0) {
		sqlite3_free(*copy);
		return SQLITE_TOOBIG;
	}
	*size = (int)length;
	window_bytes_copied += (size_t)length;
	return SQLITE_OK;
}

int protected_bind_text(sqlite3_stmt *statement, int place, const char *text, int size)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	void *copy;
	int result;

	if (!handle)
		return SQLITE_MISUSE;
	result = text ? copy_text(text, &size, &copy) : sqlite3_bind_null(handle->object, place);
	if (text && result == SQLITE_OK)
		result = sqlite3_bind_text(handle->object, place, copy, size, sqlite3_free);
	library_leave();
	return result;
}

/* They stay in the statement's window until its next step or reset. */
const unsigned char *protected_column_text(sqlite3_stmt *statement, int column)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	const unsigned char *text;

	if (!handle)
		return NULL;
	text = sqlite3_column_text(handle->object, column);
	if (text)
		text = window_put(&handle->window, text,
		                  (size_t)sqlite3_column_bytes(handle->object, column) + 1);
	library_leave();
	return text;
}

const void *protected_column_blob(sqlite3_stmt *statement, int column)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	const void *bytes;

	if (!handle)
		return NULL;
	bytes = sqlite3_column_blob(handle->object, column);
	if (bytes)
		bytes = window_put(&handle->window, bytes,
		                   (size_t)sqlite3_column_bytes(handle->object, column));
	library_leave();
	return bytes;
}

const char *protected_column_name(sqlite3_stmt *statement, int column)
{
	struct handle *handle = handle_enter(statement, HANDLE_STATEMENT);
	const char *name;

	if (!handle)
		return NULL;
	name = sqlite3_column_name(handle->object, column);
	if (name)
		name = window_put(&handle->window, name, strlen(name) + 1);
	library_leave();
	return name;
}
