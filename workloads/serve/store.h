/*
 * Items in LMDB. All functions return 0 or what LMDB returned (MDB_NOTFOUND, MDB_MAP_FULL, ...): store_text()
 * has the words for it.
 */
#ifndef SERVE_STORE_H
#define SERVE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct item {
	const char *data; /* until the next change, or the end of the transaction */
	size_t size;
	uint32_t flags;
	int64_t expires; /* seconds since 1970; 0: never */
	uint64_t unique; /* another one for each store_put() */
};

/* An empty store of at most `size` bytes, for items of at most `item_size`. A failure ends the program. */
void store_open(size_t size, size_t item_size);
void store_close(void);

/* Each of the following is in a transaction, one at a time; store_end() with `keep` makes its changes last.
 */
int store_begin(bool writes);
int store_end(bool keep);

int store_find(struct token key, struct item *item); /* one that has expired is MDB_NOTFOUND */
int store_remove(struct token key);

/* Stores the item, whose data the caller has put to where store_room() points: there is room for an item of
 * the largest size. */
char *store_room(void);
int store_put(struct token key, const struct item *item);

/* Of all items, those that have expired included. */
int store_count(uint64_t *items);

const char *store_text(int error);

/* Calls of the library, and ticks in them, gates included. */
struct store_account {
	uint64_t entrances, ticks;
};
extern struct store_account store_account;
uint64_t store_bytes_copied(void);

#endif
