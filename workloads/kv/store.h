/*
 * What kv needs of a database: records of FIELDS fields of one size each, by key, in key order. A store that
 * fails ends the program with a sentence.
 */
#ifndef KV_STORE_H
#define KV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_SIZE 21 /* with the NUL */
#define FIELDS   10
#define SCAN_MAX 100

struct row {
	const char *key; /* not NUL-terminated; set by scan() only */
	size_t key_size;
	const void *record; /* FIELDS fields */
	size_t size;
};

struct store {
	const char *name;

	/* Attaches to the library and opens an empty database of at most `bytes`, for fields of `field_size`
	 * bytes. */
	void (*open)(size_t bytes, size_t field_size);
	void (*close)(void);

	/* Around many insert()s that may be made at once. */
	void (*start_load)(void);
	void (*end_load)(void);

	void (*insert)(const char *key, const void *record);
	void (*update)(const char *key, unsigned field, const void *bytes);

	/* The record, or false; up to `count` records from `key` on, and how many. What they show lasts until
	 * done(). */
	bool (*read)(const char *key, struct row *row);
	unsigned (*scan)(const char *key, unsigned count, struct row *rows);
	void (*done)(void);

	/* Bytes that crossed the library's border so far. */
	uint64_t (*bytes_copied)(void);
};

extern const struct store store_lmdb, store_sqlite;

/* Calls of the library so far, by all stores. */
extern uint64_t store_entrances;

_Noreturn void store_fail(const char *what, const char *why);

#endif
