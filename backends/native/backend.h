/*
 * What a backend is on Linux. A backend is a file that registers a `struct native_backend`; nothing else
 * knows its name.
 *
 * Functions that are called inside a program run on its stack, with its thread-local storage: they use
 * native_call(), and of the C library nothing that sets errno or allocates.
 */
#ifndef NATIVE_BACKEND_H
#define NATIVE_BACKEND_H

#include "native/native.h"

struct native_domain;

#define NATIVE_WHY_SIZE 128 /* bytes of a sentence on a failed domain */

struct native_backend {
	const char *name;

	/* NULL, or one sentence that says what this machine lacks. May be NULL: needs nothing. */
	const char *(*missing)(void);

	/*
	 * NULL, or a few words on what this kernel leaves open that others close: records say so. Called in
	 * the runner, when nothing is missing. May be NULL.
	 */
	const char *(*weaker)(void);

	/* What the program executes, its signals and its signal frames pass through monitor.h's hands. */
	bool guarded;

	/* Before the program's first instruction; the program is mapped. NULL, or a sentence. May be NULL. */
	const char *(*start)(void);

	/* The domain's pages are mapped and filled, for everybody: protects them and makes the gate. 0 or
	 * -errno. May be NULL. */
	long (*protect)(struct native_domain *domain);

	/* What the stub of entry `index` jumps to. NULL: the function itself. */
	uint64_t (*entry)(const struct native_domain *domain, unsigned index);

	/*
	 * The library `from` is going to call `to`: 0 or -errno. nested_entry() is what the stub of entry
	 * `index` jumps to then. NULL: as for the application.
	 */
	long (*nest)(const struct native_domain *from, const struct native_domain *to);
	uint64_t (*nested_entry)(const struct native_domain *from, const struct native_domain *to,
	                         unsigned index);

	/* Newly mapped memory without rights becomes the runtime's alone, until protect() says whose it is. 0
	 * or -errno. NULL: new memory is everybody's. */
	long (*own)(uint64_t start, uint64_t size);

	/* Newly mapped memory without rights becomes the domain's, with these. 0 or -errno. NULL: it is
	 * mapped with them. */
	long (*cover)(const struct native_domain *domain, uint64_t start, uint64_t size, int rights);

	/* The domain's pages are gone. May be NULL. */
	void (*release)(const struct native_domain *domain);

	/* Calls a function inside the domain for the runtime. NULL: it is simply called, between open() and
	 * close(). */
	long (*call)(const struct native_domain *domain, uint64_t function, uint64_t argument);

	/* Around what the runtime does inside the domain itself: open() returns what close() gets. NULL:
	 * nothing. */
	uint64_t (*open)(const struct native_domain *domain);
	void (*close)(const struct native_domain *domain, uint64_t opened);

	/* In the child of a fork, whose only thread is outside: the domain's memory is as it was in the
	 * parent, but the stacks of a shared one are new and open. May be NULL. */
	void (*forked)(const struct native_domain *domain);

	/* NULL, or domains are other processes' memory. */
	const struct native_remote *remote;
};

/* A domain that the broker's server has (server.c): of it the gate alone is mapped, and what it needs to
 * reach the server by. */
struct native_remote {
	long (*connect)(const struct native_domain *domain, int channel); /* maps it. 0 or -errno */
	void (*disconnect)(const struct native_domain *domain);           /* in the child of a fork */
	bool (*is_entered)(const struct native_domain *domain);
	void (*read_failure)(const struct native_domain *domain, char why[NATIVE_WHY_SIZE]);
};

/* Registers a backend: place it at file scope. */
#define NATIVE_BACKEND(variable)                                                                             \
	static const struct native_backend *const variable##_registration                                    \
	        __attribute__((used, section("native_backends"))) = &(variable)

const struct native_backend *native_backend_find(const char *name); /* NULL: there is none of that name */
const char *native_backend_missing(const char *name);               /* NULL: nothing, or no such backend */
const char *native_backend_weaker(const char *name);                /* the same */

#endif
