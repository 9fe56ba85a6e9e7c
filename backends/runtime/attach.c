#include "portcullis/portcullis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portcullis/stubs.h"

#define PATH_SIZE 4096

/* The linker bounds the section of all stub files in the program; there may be none. */
extern struct portcullis_stubs stubs_start[] __asm__("__start_portcullis_stubs") __attribute__((weak));
extern struct portcullis_stubs stubs_end[] __asm__("__stop_portcullis_stubs") __attribute__((weak));

static _Thread_local char error_text[512];

/* Sets errno and the sentence; returns -1. */
__attribute__((format(printf, 2, 3))) static int fail(int error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(error_text, sizeof(error_text), format, list);
	va_end(list);
	errno = error;
	return -1;
}

static struct portcullis_stubs *find(const char *name)
{
	for (struct portcullis_stubs *stubs = stubs_start; stubs < stubs_end; stubs++)
		if (strcmp(stubs->name, name) == 0)
			return stubs;
	return NULL;
}

static long kernel_text(unsigned what, char *to, size_t size, int domain)
{
	return portcullis_system_call(PORTCULLIS_SYS_INFO, what, (long)to, (long)size, domain, 0, 0);
}

/* The sentence for an attach that the kernel refused with -error. */
static int explain(const char *name, const char *path, int error)
{
	char reason[256];

	if (kernel_text(PORTCULLIS_INFO_REASON, reason, sizeof(reason), 0) > 0)
		return fail(error, "cannot attach to library %s: %s", name, reason);
	switch (error) {
	case ENOENT:
		return fail(error, "cannot attach to library %s: there is no image %s", name, path);
	case ENOEXEC:
		return fail(error, "cannot attach to library %s: %s is not a valid image", name, path);
	case ESTALE:
		return fail(error,
		            "cannot attach to library %s: this program's stubs and %s come from different "
		            "exports files",
		            name, path);
	case EPERM:
		return fail(error,
		            "cannot attach to library %s: its manifest does not allow it to be shared by "
		            "this user",
		            name);
	case ENOSPC:
		return fail(
		        error,
		        "cannot attach to library %s: backend %s has no room for another domain or client",
		        name, portcullis_backend());
	case ENOSYS:
		return fail(error, "cannot attach to library %s: this kernel has no protected libraries",
		            name);
	default:
		return fail(error, "cannot attach to library %s: %s", name, strerror(error));
	}
}

int portcullis_attach(const char *name, unsigned flags)
{
	const char *directory = getenv("PORTCULLIS_IMAGES");
	struct portcullis_stubs *stubs = find(name);
	char path[PATH_SIZE];
	long domain;

	if (flags & ~PORTCULLIS_SHARED)
		return fail(EINVAL, "cannot attach to library %s: unknown flags %#x", name, flags);
	if (!stubs)
		return fail(ENOENT, "cannot attach to library %s: this program links no stubs for it", name);
	if (stubs->domain != PORTCULLIS_STUBS_DETACHED)
		return fail(EEXIST, "cannot attach to library %s: this process is attached to it already",
		            name);
	if (!directory)
		directory = PORTCULLIS_IMAGE_DIRECTORY;
	if (snprintf(path, sizeof(path), "%s/%s.image", directory, name) >= (int)sizeof(path))
		return fail(ENAMETOOLONG, "cannot attach to library %s: the name of its image is too long",
		            name);

	domain = portcullis_system_call(PORTCULLIS_SYS_ATTACH, (long)path, flags, (long)stubs->interface,
	                                (long)stubs->slots, stubs->count, 0);
	if (domain < 0)
		return explain(name, path, (int)-domain);
	stubs->domain = (int)domain;
	return 0;
}

int portcullis_detach(const char *name)
{
	struct portcullis_stubs *stubs = find(name);
	long result;

	if (!stubs || stubs->domain == PORTCULLIS_STUBS_DETACHED)
		return fail(ENOENT, "cannot detach from library %s: this process is not attached to it",
		            name);
	result = portcullis_system_call(PORTCULLIS_SYS_DETACH, stubs->domain, 0, 0, 0, 0, 0);
	if (result == -EBUSY)
		return fail(EBUSY,
		            "cannot detach from library %s: a thread of this process is inside, or another "
		            "library calls it",
		            name);
	if (result < 0)
		return fail((int)-result, "cannot detach from library %s: %s", name, strerror((int)-result));
	for (unsigned i = 0; i < stubs->count; i++)
		stubs->slots[i] = stubs->detached;
	stubs->domain = PORTCULLIS_STUBS_DETACHED;
	return 0;
}

const char *portcullis_backend(void)
{
	static _Thread_local char name[32];

	return kernel_text(PORTCULLIS_INFO_BACKEND, name, sizeof(name), 0) > 0 ? name : "unknown";
}

const char *portcullis_failure(const char *name)
{
	static _Thread_local char text[128];
	const struct portcullis_stubs *stubs = find(name);

	if (!stubs || stubs->domain == PORTCULLIS_STUBS_DETACHED)
		return NULL;
	return kernel_text(PORTCULLIS_INFO_FAILURE, text, sizeof(text), stubs->domain) > 0 ? text : NULL;
}

const char *portcullis_error(void)
{
	return error_text;
}

_Noreturn void portcullis_not_attached(const struct portcullis_stubs *stubs)
{
	fprintf(stderr, "%s: library %s was called: it is not attached\n", program_invocation_short_name,
	        stubs->name);
	abort();
}
