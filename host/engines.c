#include "host/engine.h"

#include <stdio.h>
#include <string.h>

/* The linker collects the entries of all engines here. */
extern const struct engine *const __start_engines[], *const __stop_engines[];

const struct engine *engine_at(unsigned index)
{
	for (const struct engine *const *entry = __start_engines; entry < __stop_engines; entry++) {
		unsigned before = 0;

		for (const struct engine *const *other = __start_engines; other < __stop_engines; other++)
			before += (*other)->rank < (*entry)->rank ||
			          ((*other)->rank == (*entry)->rank && other < entry);
		if (before == index)
			return *entry;
	}
	return NULL;
}

const struct engine *engine_find(const char *name)
{
	const struct engine *engine;

	for (unsigned i = 0; (engine = engine_at(i)); i++)
		if (!strcmp(engine->name, name))
			return engine;
	return NULL;
}

void engine_names(char *text, size_t size)
{
	const struct engine *engine;
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; (engine = engine_at(i)) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", engine->name);
}
