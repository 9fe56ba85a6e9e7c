#include "lmdb/handles.h"

#include <errno.h>
#include <stddef.h>

#include "portcullis/library.h"

static struct handle handles[HANDLES_MAX];
static struct portcullis_lock lock; /* of the table: kinds, parents and children */

struct handle *handle_find(const void *pointer, enum handle_kind kind)
{
	uintptr_t offset = (uintptr_t)pointer - (uintptr_t)handles;
	struct handle *handle = (struct handle *)pointer;

	if (offset >= sizeof(handles) || offset % sizeof(struct handle) || handle->kind != kind ||
	    handle->client != portcullis_client()->id)
		return NULL;
	return handle;
}

struct handle *handle_new(enum handle_kind kind, void *object, struct handle *parent)
{
	struct handle *handle = handles;

	portcullis_lock(&lock);
	while (handle < handles + HANDLES_MAX && handle->kind != HANDLE_FREE)
		handle++;
	if (handle < handles + HANDLES_MAX)
		*handle = (struct handle){
		        .kind = kind, .client = portcullis_client()->id, .object = object, .parent = parent};
	else
		handle = NULL;
	portcullis_unlock(&lock);
	return handle;
}

void handle_free(struct handle *handle)
{
	__atomic_store_n(&handle->kind, HANDLE_FREE, __ATOMIC_RELEASE);
}

/* Of a cursor that has no transaction any more nobody else can be in the way of. */
static struct handle *transaction_of(struct handle *handle)
{
	return handle->kind == HANDLE_CURSOR && handle->parent ? handle->parent : handle;
}

int handle_claim(const void *pointer, enum handle_kind kind, struct handle **claimed)
{
	struct handle *handle = handle_find(pointer, kind);

	if (!handle)
		return EINVAL;
	if (__atomic_exchange_n(&transaction_of(handle)->busy, 1, __ATOMIC_ACQUIRE))
		return EBUSY;
	*claimed = handle;
	return 0;
}

void handle_release(struct handle *handle)
{
	__atomic_store_n(&transaction_of(handle)->busy, 0, __ATOMIC_RELEASE);
}

struct handle *handle_enter_env(const void *pointer)
{
	struct handle *env;

	portcullis_lock(&lock);
	env = handle_find(pointer, HANDLE_ENV);
	if (env && env->ready && !env->busy)
		env->children++;
	else
		env = NULL;
	portcullis_unlock(&lock);
	return env;
}

void handle_leave_env(struct handle *env)
{
	portcullis_lock(&lock);
	env->children--;
	portcullis_unlock(&lock);
}

int handle_take_env(const void *pointer, struct handle **taken)
{
	struct handle *env;
	int error = 0;

	portcullis_lock(&lock);
	env = handle_find(pointer, HANDLE_ENV);
	if (!env)
		error = EINVAL;
	else if (env->busy || env->children)
		error = EBUSY;
	else
		env->busy = 1;
	portcullis_unlock(&lock);
	*taken = env;
	return error;
}

void handle_restore_env(struct handle *env)
{
	__atomic_store_n(&env->busy, 0, __ATOMIC_RELEASE);
}

struct handle *handle_of_client(uint64_t client, enum handle_kind kind)
{
	for (struct handle *handle = handles; handle < handles + HANDLES_MAX; handle++)
		if (handle->kind == kind && handle->client == client)
			return handle;
	return NULL;
}
