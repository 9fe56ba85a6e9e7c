/* On environments, and the end of a client. */
#include <errno.h>
#include <string.h>

#include "lmdb/protected.h"
#include "portcullis/library.h"

#define PATH_SIZE 256

void entry_teardown(const struct portcullis_client *client);

int protected_env_create(MDB_env **env)
{
	struct handle *handle;
	MDB_env *created;
	int error = mdb_env_create(&created);

	if (error)
		return error;
	handle = handle_new(HANDLE_ENV, created, NULL);
	error = handle ? memory_copy_out(env, &handle, sizeof(handle)) : ENFILE;
	if (error) {
		mdb_env_close(created);
		if (handle)
			handle_free(handle);
	}
	return error;
}

int protected_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	struct handle *handle;
	char name[PATH_SIZE];
	long length;
	int error;

	length = portcullis_copy_in_string(name, path, sizeof(name));
	if (length < 0)
		return (int)-length;
	error = handle_take_env(env, &handle);
	if (error)
		return error;
	error = handle->ready ? EINVAL : mdb_env_open(handle->object, name, flags, mode);
	if (!error)
		handle->ready = true;
	handle_restore_env(handle);
	return error;
}

void protected_env_close(MDB_env *env)
{
	struct handle *handle;

	if (handle_take_env(env, &handle))
		return;
	mdb_env_close(handle->object);
	handle_free(handle);
}

int protected_env_stat(MDB_env *env, MDB_stat *stat)
{
	struct handle *handle;
	MDB_stat result;
	int error;

	handle = handle_enter_env(env);
	if (!handle)
		return EINVAL;
	error = mdb_env_stat(handle->object, &result);
	handle_leave_env(handle);
	return error ? error : memory_copy_out(stat, &result, sizeof(result));
}

int protected_env_info(MDB_env *env, MDB_envinfo *info)
{
	struct handle *handle;
	MDB_envinfo result;
	int error;

	handle = handle_enter_env(env);
	if (!handle)
		return EINVAL;
	error = mdb_env_info(handle->object, &result);
	handle_leave_env(handle);
	result.me_mapaddr = NULL; /* nothing of the caller's */
	return error ? error : memory_copy_out(info, &result, sizeof(result));
}

int protected_env_sync(MDB_env *env, int force)
{
	struct handle *handle;
	int error;

	handle = handle_enter_env(env);
	if (!handle)
		return EINVAL;
	error = mdb_env_sync(handle->object, force);
	handle_leave_env(handle);
	return error;
}

int protected_env_set_mapsize(MDB_env *env, size_t size)
{
	struct handle *handle;
	int error;

	error = handle_take_env(env, &handle);
	if (error)
		return error;
	error = mdb_env_set_mapsize(handle->object, size);
	handle_restore_env(handle);
	return error;
}

int protected_env_set_maxreaders(MDB_env *env, unsigned readers)
{
	struct handle *handle;
	int error;

	error = handle_take_env(env, &handle);
	if (error)
		return error;
	error = mdb_env_set_maxreaders(handle->object, readers);
	handle_restore_env(handle);
	return error;
}

int protected_env_set_maxdbs(MDB_env *env, MDB_dbi count)
{
	struct handle *handle;
	int error;

	error = handle_take_env(env, &handle);
	if (error)
		return error;
	error = mdb_env_set_maxdbs(handle->object, count);
	handle_restore_env(handle);
	return error;
}

int protected_env_get_maxkeysize(MDB_env *env)
{
	(void)env;
	return KEY_MAX;
}

/* Texts stay in the window of the client. */
static char *show_text(const char *text)
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

char *protected_version(int *major, int *minor, int *patch)
{
	static const int numbers[] = {MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH};
	int *const places[] = {major, minor, patch};

	for (unsigned i = 0; i < 3; i++)
		if (places[i] && memory_copy_out(places[i], &numbers[i], sizeof(numbers[i])))
			return NULL;
	return show_text(MDB_VERSION_STRING);
}

char *protected_strerror(int error)
{
	return show_text(mdb_strerror(error));
}

/* Its windows went with its address space. */
void entry_teardown(const struct portcullis_client *client)
{
	struct handle *handle;

	while ((handle = handle_of_client(client->id, HANDLE_CURSOR))) {
		if (handle->read_only)
			mdb_cursor_close(handle->object);
		handle_free(handle);
	}
	while ((handle = handle_of_client(client->id, HANDLE_TXN))) {
		mdb_txn_abort(handle->object);
		handle_free(handle);
	}
	while ((handle = handle_of_client(client->id, HANDLE_ENV))) {
		mdb_env_close(handle->object);
		handle_free(handle);
	}
	portcullis_free(*portcullis_state_of(client));
	*portcullis_state_of(client) = NULL;
}
