/* The entry points: what the exports file names. */
#include "common/border.h"
#include "lmdb/protected.h"

/* Reader slots belong to transactions, the file is memory anyway, and every user of it takes LMDB's locks. */
#define FLAGS_ALWAYS (MDB_NOTLS | MDB_WRITEMAP | MDB_NOSUBDIR)
#define FLAGS_NEVER  (MDB_NOLOCK | MDB_FIXEDMAP | MDB_RDONLY)

int entry_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
size_t lmdb_bytes_copied(void);

int entry_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	flags = (flags & ~(unsigned)FLAGS_NEVER) | FLAGS_ALWAYS;
	return border_is_open() ? mdb_env_open(env, path, flags, mode)
	                        : protected_env_open(env, path, flags, mode);
}

size_t lmdb_bytes_copied(void)
{
	return window_bytes_copied;
}

#define ENTRY(type, name, parameters, arguments)                                                             \
	type entry_##name parameters;                                                                        \
	type entry_##name parameters                                                                         \
	{                                                                                                    \
		return border_is_open() ? mdb_##name arguments : protected_##name arguments;                 \
	}

LMDB_FUNCTIONS(ENTRY)
