/* Entry points that read and write single keys. */
#include <errno.h>

#include "lmdb/entry.h"

int entry_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int entry_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int entry_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int entry_cmp(MDB_txn *txn, MDB_dbi dbi, const MDB_val *a, const MDB_val *b);

int entry_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	struct copied_value copy;
	struct handle *handle;
	MDB_val found;
	int error;

	if (border_is_open())
		return mdb_get(txn, dbi, key, data);
	error = entry_copy_value(&copy, key);
	if (!error)
		error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_get(handle->object, dbi, &copy.value, &found);
	if (!error)
		error = entry_show_value(handle, data, &found);
	handle_release(handle);
	return error;
}

int entry_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
	struct stored_value stored;
	struct copied_value copy;
	struct handle *handle;
	unsigned database;
	int error;

	if (border_is_open())
		return mdb_put(txn, dbi, key, data, flags);
	error = entry_copy_value(&copy, key);
	if (!error)
		error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	window_clear(&handle->window); /* a write ends the life of values */
	error = mdb_dbi_flags(handle->object, dbi, &database);
	if (!error)
		error = entry_prepare(&stored, data, database & MDB_DUPSORT, &flags);
	if (!error) {
		error = mdb_put(handle->object, dbi, &copy.value, &stored.value, flags);
		error = entry_fill(handle, &stored, data, flags, error);
	}
	handle_release(handle);
	return error;
}

int entry_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	struct copied_value copy, value;
	struct handle *handle;
	int error;

	if (border_is_open())
		return mdb_del(txn, dbi, key, data);
	error = entry_copy_value(&copy, key);
	if (!error && data)
		error = entry_copy_value(&value, data);
	if (!error)
		error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	window_clear(&handle->window);
	error = mdb_del(handle->object, dbi, &copy.value, data ? &value.value : NULL);
	handle_release(handle);
	return error;
}

/* A comparison has no room for an error: values that cannot be read are equal. */
int entry_cmp(MDB_txn *txn, MDB_dbi dbi, const MDB_val *a, const MDB_val *b)
{
	struct copied_value left, right;
	struct handle *handle;
	unsigned flags;
	int order = 0;

	if (border_is_open())
		return mdb_cmp(txn, dbi, a, b);
	if (entry_copy_value(&left, a) || entry_copy_value(&right, b) ||
	    handle_claim(txn, HANDLE_TXN, &handle))
		return 0;
	if (mdb_dbi_flags(handle->object, dbi, &flags) == 0)
		order = mdb_cmp(handle->object, dbi, &left.value, &right.value);
	handle_release(handle);
	return order;
}
