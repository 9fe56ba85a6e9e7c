#include "domain/backend.h"

extern const struct backend *const __backends_start[], *const __backends_end[];

const struct backend *backend_find(const char *name)
{
	for (const struct backend *const *backend = __backends_start; backend < __backends_end; backend++)
		if (!strcmp((*backend)->name, name))
			return *backend;
	return NULL;
}

void backends_missing(char *text, size_t size, const char *separator)
{
	size_t used = 0;

	*text = '\0';
	for (const struct backend *const *at = __backends_start; at < __backends_end; at++) {
		const char *missing = (*at)->missing ? (*at)->missing() : NULL;

		if (missing && used < size)
			used += snprintf(text + used, size - used, "%sbackend %s: %s", used ? separator : "",
			                 (*at)->name, missing);
	}
}
