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

struct native_backend {
	const char *name;

	/* NULL, or one sentence that says what this machine lacks. May be NULL: needs nothing. */
	const char *(*missing)(void);

	/* The domain's pages are mapped and filled, for everybody: protects them and makes the gate. 0 or
	 * -errno. May be NULL. */
	long (*protect)(struct native_domain *domain);

	/* What the stub of entry `index` jumps to. NULL: the function itself. */
	uint64_t (*entry)(const struct native_domain *domain, unsigned index);

	/* Around what the runtime does inside the domain itself: open() returns what close() gets. NULL:
	 * nothing. */
	uint64_t (*open)(const struct native_domain *domain);
	void (*close)(const struct native_domain *domain, uint64_t opened);

	/* In the child of a fork, whose only thread is outside: the domain's memory is as it was in the
	 * parent, but the stacks of a shared one are new and open. May be NULL. */
	void (*forked)(const struct native_domain *domain);
};

/* Registers a backend: place it at file scope. */
#define NATIVE_BACKEND(variable)                                                                             \
	static const struct native_backend *const variable##_registration                                    \
	        __attribute__((used, section("native_backends"))) = &(variable)

const struct native_backend *native_backend_find(const char *name); /* NULL: there is none of that name */
const char *native_backend_missing(const char *name);               /* NULL: nothing, or no such backend */

#endif
