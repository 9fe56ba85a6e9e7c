/* Records in LMDB: one value holds all fields; a read is one short transaction, a write another. */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kv/store.h"
#include "portcullis/portcullis.h"

#define LOAD_BATCH 100 /* records in one transaction */
#define RECORD_MAX (FIELDS * 4096)

/* Of the protected library alone: a directly linked one copies nothing. */
__attribute__((weak)) size_t lmdb_bytes_copied(void);

static MDB_env *env;
static MDB_txn *reader, *loader;
static MDB_cursor *cursor;
static MDB_dbi dbi;
static unsigned loaded;
static size_t record_size;

/* A failed library has no text for its result. */
static _Noreturn void refuse(const char *what, int result)
{
	const char *why = portcullis_failure("lmdb");

	if (!why)
		why = mdb_strerror(result);
	store_fail(what, why ? why : "unknown error");
}

static void check(int result, const char *what)
{
	store_entrances++;
	if (result)
		refuse(what, result);
}

/* In the image the path is a name in the domain; else it is a file's. */
static void create(size_t bytes)
{
	const char *folder = getenv("TMPDIR");
	char path[256];
	MDB_txn *txn;

	if (!folder)
		folder = "/tmp";
	if (snprintf(path, sizeof(path), "%s/kv.mdb", folder) >= (int)sizeof(path))
		store_fail(folder, "the path is too long");

	check(mdb_env_create(&env), "cannot create the environment");
	check(mdb_env_set_mapsize(env, bytes), "cannot set the size of the store");
	check(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600),
	      "cannot open the environment");
	check(mdb_txn_begin(env, NULL, 0, &txn), "cannot begin a transaction");
	check(mdb_dbi_open(txn, NULL, 0, &dbi), "cannot open the database");
	check(mdb_drop(txn, dbi, 0), "cannot empty the database");
	check(mdb_txn_commit(txn), "cannot commit");
}

static void open_store(size_t bytes, size_t field_size)
{
	record_size = FIELDS * field_size;
	if (portcullis_attach("lmdb", PORTCULLIS_PRIVATE))
		store_fail("cannot begin", portcullis_error());
	create(bytes);
	check(mdb_txn_begin(env, NULL, MDB_RDONLY, &reader), "cannot begin a transaction");
	check(mdb_cursor_open(reader, dbi, &cursor), "cannot open a cursor");
	mdb_txn_reset(reader);
}

static void close_store(void)
{
	mdb_cursor_close(cursor);
	mdb_txn_abort(reader);
	mdb_env_close(env);
	if (portcullis_detach("lmdb"))
		store_fail("cannot end", portcullis_error());
}

static MDB_val key_of(const char *key)
{
	return (MDB_val){strlen(key), (void *)key};
}

static MDB_txn *begin(void)
{
	MDB_txn *txn;

	check(mdb_txn_begin(env, NULL, 0, &txn), "cannot begin a transaction");
	return txn;
}

static void put(MDB_txn *txn, MDB_val *key, const void *record)
{
	MDB_val data = {record_size, (void *)record};

	check(mdb_put(txn, dbi, key, &data, 0), "cannot store a record");
}

static void commit(MDB_txn *txn)
{
	check(mdb_txn_commit(txn), "cannot commit");
}

static void start_load(void)
{
	loader = begin();
	loaded = 0;
}

static void end_load(void)
{
	commit(loader);
	loader = NULL;
}

static void insert(const char *key, const void *record)
{
	MDB_val name = key_of(key);
	MDB_txn *txn;

	if (!loader) {
		txn = begin();
		put(txn, &name, record);
		commit(txn);
		return;
	}
	put(loader, &name, record);
	if (++loaded % LOAD_BATCH == 0) {
		commit(loader);
		loader = begin();
	}
}

static void update(const char *key, unsigned field, const void *bytes)
{
	static char record[RECORD_MAX];
	size_t field_size = record_size / FIELDS;
	MDB_val name = key_of(key), data;
	MDB_txn *txn = begin();

	check(mdb_get(txn, dbi, &name, &data), "cannot read the record to update");
	memcpy(record, data.mv_data, record_size);
	memcpy(record + field * field_size, bytes, field_size);
	put(txn, &name, record);
	commit(txn);
}

static bool read_record(const char *key, struct row *row)
{
	MDB_val name = key_of(key), data;
	int result;

	check(mdb_txn_renew(reader), "cannot begin to read");
	result = mdb_get(reader, dbi, &name, &data);
	if (result == MDB_NOTFOUND) {
		store_entrances++;
		return false;
	}
	check(result, "cannot read a record");
	row->record = data.mv_data;
	row->size = data.mv_size;
	return true;
}

static unsigned scan(const char *key, unsigned count, struct row *rows)
{
	MDB_cursor_op operation = MDB_SET_RANGE;
	MDB_val name = key_of(key), data;
	unsigned found = 0;

	check(mdb_txn_renew(reader), "cannot begin to read");
	check(mdb_cursor_renew(reader, cursor), "cannot renew the cursor");
	for (; found < count; found++, operation = MDB_NEXT) {
		int result = mdb_cursor_get(cursor, &name, &data, operation);

		if (result == MDB_NOTFOUND) {
			store_entrances++;
			break;
		}
		check(result, "cannot read the next record");
		rows[found] = (struct row){name.mv_data, name.mv_size, data.mv_data, data.mv_size};
	}
	return found;
}

static void done(void)
{
	store_entrances++;
	mdb_txn_reset(reader);
}

static uint64_t bytes_copied(void)
{
	return lmdb_bytes_copied ? lmdb_bytes_copied() : 0;
}

const struct store store_lmdb = {
        .name = "lmdb",
        .open = open_store,
        .close = close_store,
        .start_load = start_load,
        .end_load = end_load,
        .insert = insert,
        .update = update,
        .read = read_record,
        .scan = scan,
        .done = done,
        .bytes_copied = bytes_copied,
};
