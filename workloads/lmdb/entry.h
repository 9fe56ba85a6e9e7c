/*
 * The entry points of the protected LMDB: wrappers with the prototypes of lmdb.h that check handles, copy
 * arguments in, and copy results out. Where the border is open they hand over to LMDB as they are called.
 */
#ifndef LMDB_ENTRY_H
#define LMDB_ENTRY_H

#include <lmdb.h>

#include "common/border.h"
#include "lmdb/handles.h"

#define KEY_MAX 511 /* as mdb_env_get_maxkeysize() says; also of the values of a key that has several */

/* A key, or another small value, of the caller's, in the domain. */
struct copied_value {
	MDB_val value;
	char bytes[KEY_MAX];
};

/* 0, EFAULT or MDB_BAD_VALSIZE. */
int entry_copy_value(struct copied_value *copy, const MDB_val *application);

/* Plain memory. 0 or EFAULT. */
int entry_copy_in(void *to, const void *application, size_t size);
int entry_copy_out(void *application, const void *from, size_t size);

/* Shows the caller a value that LMDB found, in the transaction's window. 0, EFAULT or ENOMEM. */
int entry_show_value(struct handle *txn, MDB_val *application, const MDB_val *value);

/*
 * What a put with `flags` stores, for LMDB: `copy` for a key with several values; else space that LMDB
 * reserves, and that entry_fill() copies the caller's bytes to. 0, EFAULT, EINVAL or MDB_BAD_VALSIZE.
 */
struct stored_value {
	MDB_val value;
	const void *application; /* bytes still to be copied; NULL: none */
	size_t size;
	struct copied_value copy;
};
int entry_prepare(struct stored_value *stored, const MDB_val *application, bool several, unsigned *flags);

/* After a put: its `result`, or what went wrong in copying. */
int entry_fill(struct handle *txn, struct stored_value *stored, MDB_val *application, unsigned flags,
               int result);

#endif
