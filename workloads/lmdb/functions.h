/*
 * The functions of lmdb.h that are entry points: FUNCTION(type, name, parameters, arguments) for each but
 * mdb_env_open(), whose flags are not the caller's alone.
 *
 * mdb_NAME is LMDB's; protected_NAME does the same for a caller behind a border; entry_NAME, which the
 * exports file names, decides between the two.
 */
#ifndef LMDB_FUNCTIONS_H
#define LMDB_FUNCTIONS_H

/* clang-format off */
#define LMDB_FUNCTIONS(FUNCTION) \
	FUNCTION(int, env_create, (MDB_env **env), (env)) \
	FUNCTION(void, env_close, (MDB_env *env), (env)) \
	FUNCTION(int, env_stat, (MDB_env *env, MDB_stat *stat), (env, stat)) \
	FUNCTION(int, env_info, (MDB_env *env, MDB_envinfo *info), (env, info)) \
	FUNCTION(int, env_sync, (MDB_env *env, int force), (env, force)) \
	FUNCTION(int, env_set_mapsize, (MDB_env *env, size_t size), (env, size)) \
	FUNCTION(int, env_set_maxreaders, (MDB_env *env, unsigned readers), (env, readers)) \
	FUNCTION(int, env_set_maxdbs, (MDB_env *env, MDB_dbi count), (env, count)) \
	FUNCTION(int, env_get_maxkeysize, (MDB_env *env), (env)) \
	FUNCTION(char *, version, (int *major, int *minor, int *patch), (major, minor, patch)) \
	FUNCTION(char *, strerror, (int error), (error)) \
	FUNCTION(int, txn_begin, (MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn), (env, parent, flags, txn)) \
	FUNCTION(int, txn_commit, (MDB_txn *txn), (txn)) \
	FUNCTION(void, txn_abort, (MDB_txn *txn), (txn)) \
	FUNCTION(void, txn_reset, (MDB_txn *txn), (txn)) \
	FUNCTION(int, txn_renew, (MDB_txn *txn), (txn)) \
	FUNCTION(MDB_env *, txn_env, (MDB_txn *txn), (txn)) \
	FUNCTION(size_t, txn_id, (MDB_txn *txn), (txn)) \
	FUNCTION(int, dbi_open, (MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi), (txn, name, flags, dbi)) \
	FUNCTION(int, stat, (MDB_txn *txn, MDB_dbi dbi, MDB_stat *stat), (txn, dbi, stat)) \
	FUNCTION(int, dbi_flags, (MDB_txn *txn, MDB_dbi dbi, unsigned *flags), (txn, dbi, flags)) \
	FUNCTION(int, drop, (MDB_txn *txn, MDB_dbi dbi, int delete), (txn, dbi, delete)) \
	FUNCTION(int, get, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data)) \
	FUNCTION(int, put, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags), (txn, dbi, key, data, flags)) \
	FUNCTION(int, del, (MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data), (txn, dbi, key, data)) \
	FUNCTION(int, cmp, (MDB_txn *txn, MDB_dbi dbi, const MDB_val *a, const MDB_val *b), (txn, dbi, a, b)) \
	FUNCTION(int, cursor_open, (MDB_txn *txn, MDB_dbi dbi, MDB_cursor **cursor), (txn, dbi, cursor)) \
	FUNCTION(void, cursor_close, (MDB_cursor *cursor), (cursor)) \
	FUNCTION(int, cursor_renew, (MDB_txn *txn, MDB_cursor *cursor), (txn, cursor)) \
	FUNCTION(MDB_txn *, cursor_txn, (MDB_cursor *cursor), (cursor)) \
	FUNCTION(MDB_dbi, cursor_dbi, (MDB_cursor *cursor), (cursor)) \
	FUNCTION(int, cursor_get, (MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op operation), (cursor, key, data, operation)) \
	FUNCTION(int, cursor_put, (MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned flags), (cursor, key, data, flags)) \
	FUNCTION(int, cursor_del, (MDB_cursor *cursor, unsigned flags), (cursor, flags)) \
	FUNCTION(int, cursor_count, (MDB_cursor *cursor, size_t *count), (cursor, count))
/* clang-format on */

#endif
