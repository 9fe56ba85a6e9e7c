/*
 * The functions of lmdb.h for a caller who has no access to the domain: they check handles, copy arguments
 * in, and copy results out.
 */
#ifndef LMDB_PROTECTED_H
#define LMDB_PROTECTED_H

#include <lmdb.h>

#include "lmdb/functions.h"
#include "lmdb/handles.h"

#define DECLARE(type, name, parameters, arguments) type protected_##name parameters;
LMDB_FUNCTIONS(DECLARE)
#undef DECLARE
int protected_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);

#define KEY_MAX 511 /* as mdb_env_get_maxkeysize() says; also of the values of a key that has several */

/* A key, or another small value, of the caller's, in the domain. */
struct copied_value {
	MDB_val value;
	char bytes[KEY_MAX];
};

/* 0, EFAULT or MDB_BAD_VALSIZE. */
int value_copy(struct copied_value *copy, const MDB_val *application);

/* Plain memory. 0 or EFAULT. */
int memory_copy_in(void *to, const void *application, size_t size);
int memory_copy_out(void *application, const void *from, size_t size);

/* Shows the caller a value that LMDB found, in the transaction's window. 0, EFAULT or ENOMEM. */
int value_show(struct handle *txn, MDB_val *application, const MDB_val *value);

/*
 * What a put with `flags` stores, for LMDB: `copy` for a key with several values; else space that LMDB
 * reserves, and that value_fill() copies the caller's bytes to. 0, EFAULT, EINVAL or MDB_BAD_VALSIZE.
 */
struct stored_value {
	MDB_val value;
	const void *application; /* bytes still to be copied; NULL: none */
	size_t size;
	struct copied_value copy;
};
int value_prepare(struct stored_value *stored, const MDB_val *application, bool several, unsigned *flags);

/* After a put: its `result`, or what went wrong in copying. */
int value_fill(struct handle *txn, struct stored_value *stored, MDB_val *application, unsigned flags,
               int result);

#endif
