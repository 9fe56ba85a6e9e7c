/* Keys and values across the border. */
#include <errno.h>
#include <string.h>

#include "lmdb/protected.h"
#include "portcullis/library.h"

int memory_copy_in(void *to, const void *application, size_t size)
{
	window_bytes_copied += size;
	return portcullis_copy_in(to, application, size) ? EFAULT : 0;
}

int memory_copy_out(void *application, const void *from, size_t size)
{
	window_bytes_copied += size;
	return portcullis_copy_out(application, from, size) ? EFAULT : 0;
}

int value_copy(struct copied_value *copy, const MDB_val *application)
{
	MDB_val value;

	if (memory_copy_in(&value, application, sizeof(value)))
		return EFAULT;
	if (value.mv_size > KEY_MAX)
		return MDB_BAD_VALSIZE;
	copy->value = (MDB_val){value.mv_size, copy->bytes};
	return memory_copy_in(copy->bytes, value.mv_data, value.mv_size);
}

int value_show(struct handle *txn, MDB_val *application, const MDB_val *value)
{
	MDB_val shown = {value->mv_size, window_put(&txn->window, value->mv_data, value->mv_size)};

	if (!shown.mv_data)
		return ENOMEM;
	return memory_copy_out(application, &shown, sizeof(shown));
}

int value_prepare(struct stored_value *stored, const MDB_val *application, bool several, unsigned *flags)
{
	int error;

	stored->application = NULL;
	if (*flags & (MDB_RESERVE | MDB_MULTIPLE)) /* the first would have the caller write into the domain */
		return EINVAL;
	if (several) {
		error = value_copy(&stored->copy, application);
		stored->value = stored->copy.value;
		return error;
	}
	if (memory_copy_in(&stored->value, application, sizeof(stored->value)))
		return EFAULT;
	stored->application = stored->value.mv_data;
	stored->size = stored->value.mv_size;
	if (!portcullis_in_application(stored->application, stored->size))
		return EFAULT;
	*flags |= MDB_RESERVE;
	return 0;
}

int value_fill(struct handle *txn, struct stored_value *stored, MDB_val *application, unsigned flags,
               int result)
{
	if (result == MDB_KEYEXIST && (flags & MDB_NOOVERWRITE)) {
		int error = value_show(txn, application, &stored->value);

		return error ? error : result;
	}
	if (result || !stored->application)
		return result;
	if (!memory_copy_in(stored->value.mv_data, stored->application, stored->size))
		return 0;
	/* The key is there, its value is not. */
	memset(stored->value.mv_data, 0, stored->size);
	txn->broken = true;
	return EFAULT;
}
