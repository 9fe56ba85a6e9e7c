/* On transactions and databases. */
#include <errno.h>

#include "lmdb/protected.h"
#include "portcullis/library.h"

#define NAME_SIZE 256

/* Nested transactions do not go with MDB_WRITEMAP. */
int protected_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn)
{
	struct handle *env_handle, *handle;
	MDB_txn *begun;
	int error;

	if (parent || !(env_handle = handle_enter_env(env)))
		return EINVAL;
	error = mdb_txn_begin(env_handle->object, NULL, flags, &begun);
	if (error) {
		handle_leave_env(env_handle);
		return error;
	}
	handle = handle_new(HANDLE_TXN, begun, env_handle);
	error = handle ? memory_copy_out(txn, &handle, sizeof(handle)) : ENFILE;
	if (error) {
		mdb_txn_abort(begun);
		if (handle)
			handle_free(handle);
		handle_leave_env(env_handle);
		return error;
	}
	handle->read_only = flags & MDB_RDONLY;
	return 0;
}

/* The handle's transaction is gone: LMDB has closed the cursors of one that writes; others wait for
 * mdb_cursor_renew(). */
static void end(struct handle *txn)
{
	struct handle *next;

	for (struct handle *cursor = txn->cursors; cursor; cursor = next) {
		next = cursor->next;
		cursor->parent = NULL;
		if (!txn->read_only)
			handle_free(cursor);
	}
	window_release(&txn->window);
	handle_leave_env(txn->parent);
	handle_free(txn);
}

int protected_txn_commit(MDB_txn *txn)
{
	struct handle *handle;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	if (handle->broken) {
		mdb_txn_abort(handle->object);
		error = MDB_BAD_TXN;
	} else {
		error = mdb_txn_commit(handle->object);
	}
	end(handle);
	return error;
}

void protected_txn_abort(MDB_txn *txn)
{
	struct handle *handle;

	if (handle_claim(txn, HANDLE_TXN, &handle))
		return;
	mdb_txn_abort(handle->object);
	end(handle);
}

void protected_txn_reset(MDB_txn *txn)
{
	struct handle *handle;

	if (handle_claim(txn, HANDLE_TXN, &handle))
		return;
	mdb_txn_reset(handle->object);
	window_clear(&handle->window);
	handle_release(handle);
}

int protected_txn_renew(MDB_txn *txn)
{
	struct handle *handle;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_txn_renew(handle->object);
	handle_release(handle);
	return error;
}

MDB_env *protected_txn_env(MDB_txn *txn)
{
	struct handle *handle;

	handle = handle_find(txn, HANDLE_TXN);
	return handle ? (MDB_env *)handle->parent : NULL;
}

size_t protected_txn_id(MDB_txn *txn)
{
	struct handle *handle;
	size_t id;

	if (handle_claim(txn, HANDLE_TXN, &handle))
		return 0;
	id = mdb_txn_id(handle->object);
	handle_release(handle);
	return id;
}

int protected_dbi_open(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi)
{
	struct handle *handle;
	char copy[NAME_SIZE];
	MDB_dbi opened;
	int error;

	if (name) {
		long length = portcullis_copy_in_string(copy, name, sizeof(copy));

		if (length < 0)
			return (int)-length;
	}
	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_dbi_open(handle->object, name ? copy : NULL, flags, &opened);
	handle_release(handle);
	return error ? error : memory_copy_out(dbi, &opened, sizeof(opened));
}

int protected_stat(MDB_txn *txn, MDB_dbi dbi, MDB_stat *stat)
{
	struct handle *handle;
	MDB_stat result;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_stat(handle->object, dbi, &result);
	handle_release(handle);
	return error ? error : memory_copy_out(stat, &result, sizeof(result));
}

int protected_dbi_flags(MDB_txn *txn, MDB_dbi dbi, unsigned *flags)
{
	struct handle *handle;
	unsigned result;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_dbi_flags(handle->object, dbi, &result);
	handle_release(handle);
	return error ? error : memory_copy_out(flags, &result, sizeof(result));
}

int protected_drop(MDB_txn *txn, MDB_dbi dbi, int delete)
{
	struct handle *handle;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_drop(handle->object, dbi, delete);
	handle_release(handle);
	return error;
}
