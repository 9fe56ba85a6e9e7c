/*
 * What a client of LMDB holds instead of LMDB's own pointers: the address of a `struct handle`, which is in a
 * table and so can be checked in constant time. Where the border is open (common/border.h) there are no
 * handles.
 */
#ifndef LMDB_HANDLES_H
#define LMDB_HANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/window.h"

#define HANDLES_MAX 1024

enum handle_kind { HANDLE_FREE, HANDLE_ENV, HANDLE_TXN, HANDLE_CURSOR };

struct handle {
	enum handle_kind kind;
	int busy;              /* transactions: a thread is using it, or one of its cursors */
	uint64_t client;       /* id of the owner */
	void *object;          /* LMDB's MDB_env, MDB_txn or MDB_cursor */
	struct handle *parent; /* of a transaction its environment, of a cursor its transaction or NULL */
	struct handle *cursors, *next; /* a transaction's cursors */
	unsigned children;             /* of an environment: its transactions */
	bool ready;                    /* environments: opened */
	bool read_only;                /* transactions, and cursors: of such */
	bool broken;          /* transactions: a value was lost on its way in; it can only be aborted */
	struct window window; /* transactions: the values that were handed out */
} __attribute__((aligned(256)));

/* A handle of the calling client, or NULL. The table's lock is held where a comment says so. */
struct handle *handle_find(const void *pointer, enum handle_kind kind);

/* A new handle of the calling client; NULL: there are too many. */
struct handle *handle_new(enum handle_kind kind, void *object, struct handle *parent);
void handle_free(struct handle *handle);

/*
 * The transaction (or the cursor's) for this thread alone: 0, EINVAL (no such handle of this client) or EBUSY
 * (another thread is using it). handle_release() takes what they returned.
 */
int handle_claim(const void *pointer, enum handle_kind kind, struct handle **claimed);
void handle_release(struct handle *handle);

/* An open environment: one more transaction in it, or NULL; and one less. */
struct handle *handle_enter_env(const void *pointer);
void handle_leave_env(struct handle *env);

/* An environment that has no transactions, taken out of use: 0, EINVAL, EBUSY. handle_free() or
 * handle_restore() follows. */
int handle_take_env(const void *pointer, struct handle **taken);
void handle_restore_env(struct handle *env);

/* The first handle of a kind that belongs to a client, NULL: there is none. */
struct handle *handle_of_client(uint64_t client, enum handle_kind kind);

#endif
