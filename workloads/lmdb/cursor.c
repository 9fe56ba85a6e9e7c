/* On cursors. */
#include <errno.h>

#include "lmdb/protected.h"

/* Among the cursors of a transaction, and out of them. */
static void join(struct handle *cursor, struct handle *txn)
{
	cursor->parent = txn;
	cursor->next = txn->cursors;
	txn->cursors = cursor;
}

static void leave(struct handle *cursor)
{
	struct handle **place = &cursor->parent->cursors;

	while (*place != cursor)
		place = &(*place)->next;
	*place = cursor->next;
	cursor->parent = NULL;
}

/* A cursor with a transaction. */
static int claim(MDB_cursor *cursor, struct handle **claimed)
{
	int error = handle_claim(cursor, HANDLE_CURSOR, claimed);

	if (!error && !(*claimed)->parent) {
		handle_release(*claimed);
		return EINVAL;
	}
	return error;
}

int protected_cursor_open(MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor)
{
	struct handle *txn_handle, *handle = NULL;
	MDB_cursor *opened;
	int error;

	error = handle_claim(txn, HANDLE_TXN, &txn_handle);
	if (error)
		return error;
	error = mdb_cursor_open(txn_handle->object, dbi, &opened);
	if (!error) {
		handle = handle_new(HANDLE_CURSOR, opened, NULL);
		error = handle ? memory_copy_out(cursor, &handle, sizeof(handle)) : ENFILE;
		if (error)
			mdb_cursor_close(opened);
	}
	if (!error) {
		handle->read_only = txn_handle->read_only;
		join(handle, txn_handle);
	} else if (handle) {
		handle_free(handle);
	}
	handle_release(txn_handle);
	return error;
}

void protected_cursor_close(MDB_cursor *cursor)
{
	struct handle *handle, *txn;

	if (handle_claim(cursor, HANDLE_CURSOR, &handle))
		return;
	txn = handle->parent;
	mdb_cursor_close(handle->object);
	if (txn)
		leave(handle);
	handle_free(handle);
	if (txn)
		handle_release(txn);
}

int protected_cursor_renew(MDB_txn *txn, MDB_cursor *cursor)
{
	struct handle *handle, *txn_handle;
	int error;

	handle = handle_find(cursor, HANDLE_CURSOR);
	if (!handle || (handle->parent && handle->parent != (struct handle *)txn))
		return EINVAL;
	error = handle_claim(txn, HANDLE_TXN, &txn_handle);
	if (error)
		return error;
	error = handle->read_only && txn_handle->read_only
	                ? mdb_cursor_renew(txn_handle->object, handle->object)
	                : EINVAL;
	if (!error && !handle->parent)
		join(handle, txn_handle);
	handle_release(txn_handle);
	return error;
}

MDB_txn *protected_cursor_txn(MDB_cursor *cursor)
{
	struct handle *handle;

	handle = handle_find(cursor, HANDLE_CURSOR);
	return handle ? (MDB_txn *)handle->parent : NULL;
}

MDB_dbi protected_cursor_dbi(MDB_cursor *cursor)
{
	struct handle *handle;
	MDB_dbi dbi;

	if (claim(cursor, &handle))
		return 0;
	dbi = mdb_cursor_dbi(handle->object);
	handle_release(handle);
	return dbi;
}

/* Which of its arguments an operation reads; all others it only sets. */
static bool reads_key(MDB_cursor_op operation)
{
	return operation == MDB_SET || operation == MDB_SET_KEY || operation == MDB_SET_RANGE ||
	       operation == MDB_GET_BOTH || operation == MDB_GET_BOTH_RANGE;
}

static bool reads_data(MDB_cursor_op operation)
{
	return operation == MDB_GET_BOTH || operation == MDB_GET_BOTH_RANGE;
}

int protected_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op operation)
{
	struct copied_value key_copy, data_copy;
	MDB_val found_key = {0, NULL}, found = {0, NULL};
	struct handle *handle;
	int error = 0;

	if (reads_key(operation)) {
		error = value_copy(&key_copy, key);
		found_key = key_copy.value;
	}
	if (!error && reads_data(operation)) {
		error = value_copy(&data_copy, data);
		found = data_copy.value;
	}
	if (!error)
		error = claim(cursor, &handle);
	if (error)
		return error;
	error = mdb_cursor_get(handle->object, key ? &found_key : NULL, data ? &found : NULL, operation);
	if (!error && key && found_key.mv_data && found_key.mv_data != key_copy.bytes)
		error = value_show(handle->parent, key, &found_key);
	if (!error && data && found.mv_data && found.mv_data != data_copy.bytes)
		error = value_show(handle->parent, data, &found);
	handle_release(handle);
	return error;
}

int protected_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned flags)
{
	struct stored_value stored;
	struct copied_value copy;
	struct handle *handle;
	unsigned database;
	int error;

	error = value_copy(&copy, key);
	if (!error)
		error = claim(cursor, &handle);
	if (error)
		return error;
	window_clear(&handle->parent->window);
	error = mdb_dbi_flags(handle->parent->object, mdb_cursor_dbi(handle->object), &database);
	if (!error)
		error = value_prepare(&stored, data, database & MDB_DUPSORT, &flags);
	if (!error) {
		error = mdb_cursor_put(handle->object, &copy.value, &stored.value, flags);
		error = value_fill(handle->parent, &stored, data, flags, error);
	}
	handle_release(handle);
	return error;
}

int protected_cursor_del(MDB_cursor *cursor, unsigned flags)
{
	struct handle *handle;
	int error;

	error = claim(cursor, &handle);
	if (error)
		return error;
	window_clear(&handle->parent->window);
	error = mdb_cursor_del(handle->object, flags);
	handle_release(handle);
	return error;
}

int protected_cursor_count(MDB_cursor *cursor, size_t *count)
{
	struct handle *handle;
	size_t result;
	int error;

	error = claim(cursor, &handle);
	if (error)
		return error;
	error = mdb_cursor_count(handle->object, &result);
	handle_release(handle);
	return error ? error : memory_copy_out(count, &result, sizeof(result));
}
