/*
 * What a client of SQLite holds instead of SQLite's own pointers: the address of a `struct handle`, which is
 * in a table and so can be checked in constant time. Where the border is open (common/border.h) there are no
 * handles.
 *
 * SQLite is built for one thread at a time: between enter and leave a thread has the library for itself.
 */
#ifndef SQLITE_HANDLES_H
#define SQLITE_HANDLES_H

#include <stdint.h>

#include "common/window.h"

#define HANDLES_MAX 512

enum handle_kind { HANDLE_FREE, HANDLE_DATABASE, HANDLE_STATEMENT };

struct handle {
	enum handle_kind kind;
	uint64_t client;      /* id of the owner */
	void *object;         /* SQLite's sqlite3 or sqlite3_stmt */
	struct window window; /* of the column values, or of the error message, that were handed out */
} __attribute__((aligned(256)));

void library_enter(void);
void library_leave(void);

/* Enters; the handle of the calling client, or NULL, and then the thread has left again. */
struct handle *handle_enter(const void *pointer, enum handle_kind kind);

/* A new handle of the calling client; NULL: there are too many. The thread has entered. */
struct handle *handle_new(enum handle_kind kind, void *object);
void handle_free(struct handle *handle);

/* The first handle of a kind that belongs to a client, NULL: there is none. */
struct handle *handle_of_client(uint64_t client, enum handle_kind kind);

#endif
