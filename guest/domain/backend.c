#include "domain/backend.h"

extern const struct backend *const __backends_start[], *const __backends_end[];

const struct backend *backend_find(const char *name)
{
	for (const struct backend *const *backend = __backends_start; backend < __backends_end; backend++)
		if (!strcmp((*backend)->name, name))
			return *backend;
	return NULL;
}
