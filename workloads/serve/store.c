#include "store.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/ticks.h"
#include "net/station.h"
#include "portcullis/portcullis.h"

/* What is in front of an item's data. */
struct header {
	uint64_t unique;
	int64_t expires;
	uint64_t flags;
};

struct store_account store_account;

static MDB_env *env;
static MDB_dbi dbi;
static MDB_txn *reader, *txn; /* the one that is used again for all that read, and the one that goes on */
static char *room;            /* a header and the largest item's data */
static uint64_t unique;

/* Of the protected library alone: a directly linked one copies nothing. */
__attribute__((weak)) size_t lmdb_bytes_copied(void);

/* A call of the library, counted. */
#define INSIDE(call)                                                                                         \
	({                                                                                                   \
		uint64_t began = ticks_now();                                                                \
		__typeof__(call) result = (call);                                                            \
                                                                                                             \
		store_account.ticks += ticks_now() - began;                                                  \
		store_account.entrances++;                                                                   \
		result;                                                                                      \
	})

uint64_t store_bytes_copied(void)
{
	return lmdb_bytes_copied ? lmdb_bytes_copied() : 0;
}

/* A failed library has no text for its result. */
const char *store_text(int error)
{
	const char *why = portcullis_failure("lmdb");

	if (!why)
		why = mdb_strerror(error);
	return why ? why : "unknown error";
}

static void check(int error, const char *what)
{
	if (error)
		station_fail("%s: %s", what, store_text(error));
}

void store_open(size_t size, size_t item_size)
{
	if (portcullis_attach("lmdb", PORTCULLIS_PRIVATE))
		station_fail("%s", portcullis_error());
	check(mdb_env_create(&env), "cannot create the store");
	check(mdb_env_set_mapsize(env, size), "cannot set the size of the store");
	check(mdb_env_open(env, "/tmp/serve.mdb", MDB_NOSUBDIR | MDB_WRITEMAP | MDB_NOSYNC | MDB_NOTLS, 0600),
	      "cannot open the store");
	check(mdb_txn_begin(env, NULL, 0, &txn), "cannot begin a transaction");
	check(mdb_dbi_open(txn, NULL, 0, &dbi), "cannot open the database");
	check(mdb_drop(txn, dbi, 0), "cannot empty the store");
	check(mdb_txn_commit(txn), "cannot commit");
	check(mdb_txn_begin(env, NULL, MDB_RDONLY, &reader), "cannot begin a transaction");
	mdb_txn_reset(reader);
	room = malloc(sizeof(struct header) + item_size);
	if (!room)
		station_fail("out of memory");
}

void store_close(void)
{
	mdb_txn_abort(reader);
	mdb_env_close(env);
	if (portcullis_detach("lmdb"))
		station_fail("%s", portcullis_error());
}

int store_begin(bool writes)
{
	if (writes)
		return INSIDE(mdb_txn_begin(env, NULL, 0, &txn));
	txn = reader;
	return INSIDE(mdb_txn_renew(reader));
}

int store_end(bool keep)
{
	if (txn == reader)
		return INSIDE((mdb_txn_reset(reader), 0));
	return keep ? INSIDE(mdb_txn_commit(txn)) : INSIDE((mdb_txn_abort(txn), 0));
}

static MDB_val key_of(struct token key)
{
	return (MDB_val){key.size, (void *)key.at};
}

int store_find(struct token key, struct item *item)
{
	MDB_val name = key_of(key), value;
	int error = INSIDE(mdb_get(txn, dbi, &name, &value));
	struct header header;

	if (error)
		return error;
	memcpy(&header, value.mv_data, sizeof(header));
	if (header.expires && header.expires <= time(NULL))
		return MDB_NOTFOUND;
	*item = (struct item){.data = (const char *)value.mv_data + sizeof(header),
	                      .size = value.mv_size - sizeof(header),
	                      .flags = (uint32_t)header.flags,
	                      .expires = header.expires,
	                      .unique = header.unique};
	return 0;
}

int store_remove(struct token key)
{
	MDB_val name = key_of(key);

	return INSIDE(mdb_del(txn, dbi, &name, NULL));
}

char *store_room(void)
{
	return room + sizeof(struct header);
}

int store_put(struct token key, const struct item *item)
{
	struct header header = {.unique = ++unique, .expires = item->expires, .flags = item->flags};
	MDB_val name = key_of(key), value = {sizeof(header) + item->size, room};

	memcpy(room, &header, sizeof(header));
	return INSIDE(mdb_put(txn, dbi, &name, &value, 0));
}

int store_count(uint64_t *items)
{
	MDB_stat stat;
	int error = INSIDE(mdb_stat(txn, dbi, &stat));

	*items = error ? 0 : stat.ms_entries;
	return error;
}
