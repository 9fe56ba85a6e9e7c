#include "native/backend.h"

#include <string.h>

/* The linker collects the entries of all backends here. */
extern const struct native_backend *const __start_native_backends[], *const __stop_native_backends[];

const struct native_backend *native_backend_find(const char *name)
{
	for (const struct native_backend *const *at = __start_native_backends; at < __stop_native_backends;
	     at++)
		if (!strcmp((*at)->name, name))
			return *at;
	return NULL;
}

const char *native_backend_missing(const char *name)
{
	const struct native_backend *backend = native_backend_find(name);

	return backend && backend->missing ? backend->missing() : NULL;
}

const char *native_backend_weaker(const char *name)
{
	const struct native_backend *backend = native_backend_find(name);

	return backend && backend->weaker && !native_backend_missing(name) ? backend->weaker() : NULL;
}
