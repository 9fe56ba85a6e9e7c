/* On databases, and the beginning and end of a client. */
#include <string.h>

#include "portcullis/library.h"
#include "sqlite/protected.h"

#define NAME_SIZE 256
#define SQL_MAX   (1 << 20)

void sqlite_teardown(const struct portcullis_client *client);

int memory_copy_out(void *application, const void *from, size_t size)
{
	window_bytes_copied += size;
	return portcullis_copy_out(application, from, size) ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

/* Texts that belong to no handle stay in the window of the client. The thread has entered. */
static const char *show_text(const char *text)
{
	struct window *window = *portcullis_client_state();

	if (!window) {
		window = portcullis_alloc(sizeof(*window));
		if (!window)
			return NULL;
		*window = (struct window){0};
		*portcullis_client_state() = window;
	}
	window_clear(window);
	return window_put(window, text, strlen(text) + 1);
}

static const char *show_text_of_library(const char *text)
{
	const char *shown;

	library_enter();
	shown = show_text(text);
	library_leave();
	return shown;
}

const char *protected_errstr(int code)
{
	return show_text_of_library(sqlite3_errstr(code));
}

const char *protected_libversion(void)
{
	return show_text_of_library(SQLITE_VERSION);
}

/* What is handed out lies in windows, which are not SQLite's to free. */
void protected_free(void *memory)
{
	(void)memory;
}

int protected_open(const char *name, sqlite3 **database)
{
	struct handle *handle = NULL;
	char copy[NAME_SIZE];
	sqlite3 *opened;
	int result;

	if (portcullis_copy_in_string(copy, name, sizeof(copy)) < 0)
		return SQLITE_CANTOPEN;
	library_enter();
	result = sqlite3_open(copy, &opened);
	if (result == SQLITE_OK) {
		handle = handle_new(HANDLE_DATABASE, opened);
		result = handle ? memory_copy_out(database, &handle, sizeof(handle)) : SQLITE_NOMEM;
	}
	if (result != SQLITE_OK) {
		sqlite3_close(opened);
		if (handle)
			handle_free(handle);
	}
	library_leave();
	return result;
}

int protected_close(sqlite3 *database)
{
	struct handle *handle;
	int result;

	if (!database)
		return SQLITE_OK;
	handle = handle_enter(database, HANDLE_DATABASE);
	if (!handle)
		return SQLITE_MISUSE;
	result = sqlite3_close(handle->object); /* SQLITE_BUSY while it has statements */
	if (result == SQLITE_OK)
		handle_free(handle);
	library_leave();
	return result;
}

const char *protected_errmsg(sqlite3 *database)
{
	struct handle *handle = handle_enter(database, HANDLE_DATABASE);
	const char *text, *shown;

	if (!handle)
		return NULL;
	text = sqlite3_errmsg(handle->object);
	window_clear(&handle->window);
	shown = window_put(&handle->window, text, strlen(text) + 1);
	library_leave();
	return shown;
}

/* A copy of the caller's SQL, NUL-terminated, at most `size` bytes unless that is negative; NULL, or free
 * with sqlite3_free(). */
static char *copy_sql(const char *sql, int size)
{
	size_t room = size < 0 || size > SQL_MAX ? SQL_MAX : (size_t)size + 1;
	char *copy;
	long length;

	if (size < 0) { /* most texts are short */
		char start[512];

		length = portcullis_copy_in_string(start, sql, sizeof(start));
		if (length >= 0)
			room = (size_t)length + 1;
	}
	copy = sqlite3_malloc64(room);
	if (!copy)
		return NULL;
	length = portcullis_copy_in_string(copy, sql, room);
	if (size >= 0 && length < 0 && !portcullis_copy_in(copy, sql, room - 1)) {
		copy[room - 1] = 0; /* a text of `size` bytes without a NUL */
		length = (long)room - 1;
	}
	if (length >= 0) {
		window_bytes_copied += (size_t)length;
		return copy;
	}
	sqlite3_free(copy);
	return NULL;
}

int protected_prepare_v2(sqlite3 *database, const char *sql, int size, sqlite3_stmt **statement,
                         const char **tail)
{
	struct handle *handle = handle_enter(database, HANDLE_DATABASE), *prepared = NULL;
	sqlite3_stmt *object = NULL;
	const char *end;
	char *copy;
	int result;

	if (!handle)
		return SQLITE_MISUSE;
	copy = copy_sql(sql, size);
	result = copy ? sqlite3_prepare_v2(handle->object, copy, -1, &object, &end) : SQLITE_NOMEM;
	if (result == SQLITE_OK && tail) {
		const char *place = sql + (end - copy);

		result = memory_copy_out(tail, &place, sizeof(place));
	}
	if (result == SQLITE_OK && object) {
		prepared = handle_new(HANDLE_STATEMENT, object);
		if (!prepared)
			result = SQLITE_NOMEM;
	}
	if (result == SQLITE_OK)
		result = memory_copy_out(statement, &prepared, sizeof(prepared));
	if (result != SQLITE_OK) {
		sqlite3_finalize(object);
		if (prepared)
			handle_free(prepared);
	}
	sqlite3_free(copy);
	library_leave();
	return result;
}

int protected_exec(sqlite3 *database, const char *sql, const void *callback, void *argument, char **message)
{
	struct handle *handle;
	char *copy, *text = NULL;
	int result;

	(void)argument;
	if (callback || !(handle = handle_enter(database, HANDLE_DATABASE)))
		return SQLITE_MISUSE;
	copy = copy_sql(sql, -1);
	result = copy ? sqlite3_exec(handle->object, copy, NULL, NULL, &text) : SQLITE_NOMEM;
	sqlite3_free(copy);
	if (message) {
		const char *shown = text ? show_text(text) : NULL;

		if (memory_copy_out(message, &shown, sizeof(shown)) != SQLITE_OK && result == SQLITE_OK)
			result = SQLITE_IOERR_ACCESS;
	}
	sqlite3_free(text);
	library_leave();
	return result;
}

/* Its windows went with its address space. */
static void forget(struct handle *handle)
{
	handle->window = (struct window){0};
	handle_free(handle);
}

void sqlite_teardown(const struct portcullis_client *client)
{
	struct handle *handle;

	library_enter();
	while ((handle = handle_of_client(client->id, HANDLE_STATEMENT))) {
		sqlite3_finalize(handle->object);
		forget(handle);
	}
	while ((handle = handle_of_client(client->id, HANDLE_DATABASE))) {
		sqlite3_close(handle->object);
		forget(handle);
	}
	portcullis_free(*portcullis_state_of(client));
	*portcullis_state_of(client) = NULL;
	library_leave();
}
