/* Libraries that call other protected libraries: the same stubs as an application links. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "portcullis/library.h"
#include "portcullis/stubs.h"

#define PATH_SIZE 128

extern struct portcullis_stubs stubs_start[] __asm__("__start_portcullis_stubs")
        __attribute__((weak, visibility("hidden")));
extern struct portcullis_stubs stubs_end[] __asm__("__stop_portcullis_stubs")
        __attribute__((weak, visibility("hidden")));

static struct portcullis_stubs *find(const char *name)
{
	for (struct portcullis_stubs *stubs = stubs_start; stubs < stubs_end; stubs++)
		if (strcmp(stubs->name, name) == 0)
			return stubs;
	return NULL;
}

int portcullis_attach_library(const char *name, unsigned flags)
{
	static const char directory[] = PORTCULLIS_IMAGE_DIRECTORY "/", extension[] = ".image";
	struct portcullis_stubs *stubs = find(name);
	size_t length = strlen(name);
	char path[PATH_SIZE];
	long domain;

	if (!stubs)
		return -ENOENT;
	if (sizeof(directory) - 1 + length + sizeof(extension) > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, directory, sizeof(directory) - 1);
	memcpy(path + sizeof(directory) - 1, name, length);
	memcpy(path + sizeof(directory) - 1 + length, extension, sizeof(extension));
	domain = portcullis_system_call(PORTCULLIS_SYS_ATTACH, (long)path, flags, (long)stubs->interface,
	                                (long)stubs->slots, stubs->count, 0);
	if (domain < 0)
		return (int)domain;
	stubs->domain = (int)domain;
	return 0;
}

/* A call of a library that was never attached is a broken invariant of the calling one. */
_Noreturn void portcullis_not_attached(const struct portcullis_stubs *stubs)
{
	(void)stubs;
	portcullis_fail();
}
