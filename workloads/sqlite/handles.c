#include "sqlite/handles.h"

#include <stddef.h>

#include "portcullis/library.h"

static struct handle handles[HANDLES_MAX];
static struct portcullis_lock lock;

void library_enter(void)
{
	portcullis_lock(&lock);
}

void library_leave(void)
{
	portcullis_unlock(&lock);
}

struct handle *handle_enter(const void *pointer, enum handle_kind kind)
{
	uintptr_t offset = (uintptr_t)pointer - (uintptr_t)handles;
	struct handle *handle = (struct handle *)pointer;

	library_enter();
	if (offset < sizeof(handles) && offset % sizeof(struct handle) == 0 && handle->kind == kind &&
	    handle->client == portcullis_client()->id)
		return handle;
	library_leave();
	return NULL;
}

struct handle *handle_new(enum handle_kind kind, void *object)
{
	for (struct handle *handle = handles; handle < handles + HANDLES_MAX; handle++) {
		if (handle->kind != HANDLE_FREE)
			continue;
		*handle = (struct handle){.kind = kind, .client = portcullis_client()->id, .object = object};
		return handle;
	}
	return NULL;
}

void handle_free(struct handle *handle)
{
	window_release(&handle->window);
	handle->kind = HANDLE_FREE;
}

struct handle *handle_of_client(uint64_t client, enum handle_kind kind)
{
	for (struct handle *handle = handles; handle < handles + HANDLES_MAX; handle++)
		if (handle->kind == kind && handle->client == client)
			return handle;
	return NULL;
}
