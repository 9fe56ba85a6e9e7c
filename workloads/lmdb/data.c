/* Reading and writing single keys. */
#include <errno.h>

#include "lmdb/protected.h"

int protected_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	struct copied_value copy;
	struct handle *handle;
	MDB_val found;
	int error;

	error = value_copy(&copy, key);
	if (!error)
		error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	error = mdb_get(handle->object, dbi, &copy.value, &found);
	if (!error)
		error = value_show(handle, data, &found);
	handle_release(handle);
	return error;
}

int protected_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
	struct stored_value stored;
	struct copied_value copy;
	struct handle *handle;
	unsigned database;
	int error;

	error = value_copy(&copy, key);
	if (!error)
		error = handle_claim(txn, HANDLE_TXN, &handle);
	if (error)
		return error;
	window_clear(&handle->window); /* a write ends the life of values */
	error = mdb_dbi_flags(handle->object, dbi, &database);
	if (!error)
		error = value_prepare(&stored, data, database & MDB_DUPSORT, &flags);
	if (!error) {
		error = mdb_put(handle->object, dbi, &copy.value, &stored.value, flags);
		error = value_fill(handle, &stored, data, flags, error);
	}
	handle_release(handle);
	return error;
}

int protected_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	struct copied_value copy, value;
	struct handle *handle;
	int error;

	error = value_copy(&copy, key);
	if (!error && data)
		error = value_copy(&value, data);
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
int protected_cmp(MDB_txn *txn, MDB_dbi dbi, const MDB_val *a, const MDB_val *b)
{
	struct copied_value left, right;
	struct handle *handle;
	unsigned flags;
	int order = 0;

	if (value_copy(&left, a) || value_copy(&right, b) || handle_claim(txn, HANDLE_TXN, &handle))
		return 0;
	if (mdb_dbi_flags(handle->object, dbi, &flags) == 0)
		order = mdb_cmp(handle->object, dbi, &left.value, &right.value);
	handle_release(handle);
	return order;
}
