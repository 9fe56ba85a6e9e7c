/*
 * Both interfaces for a program that links a library's objects directly, without image, stubs and domain: the
 * reference that measurements compare a protected library with.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "portcullis/library.h"
#include "portcullis/portcullis.h"

static void *state;

int portcullis_attach(const char *name, unsigned flags)
{
	(void)name, (void)flags;
	return 0;
}

int portcullis_detach(const char *name)
{
	(void)name;
	return 0;
}

const char *portcullis_failure(const char *name)
{
	(void)name;
	return NULL;
}

const char *portcullis_backend(void)
{
	return "direct";
}

const char *portcullis_error(void)
{
	return "";
}

void *portcullis_alloc(size_t size)
{
	return malloc(size);
}

void portcullis_free(void *memory)
{
	free(memory);
}

size_t portcullis_usable_size(const void *memory)
{
	return malloc_usable_size((void *)memory);
}

int portcullis_copy_in(void *to, const void *application, size_t size)
{
	memcpy(to, application, size);
	return 0;
}

int portcullis_copy_out(void *application, const void *from, size_t size)
{
	memcpy(application, from, size);
	return 0;
}

long portcullis_copy_in_string(char *to, const char *application, size_t size)
{
	size_t length = strnlen(application, size);

	if (length == size)
		return -ENAMETOOLONG;
	memcpy(to, application, length + 1);
	return (long)length;
}

void portcullis_lock(struct portcullis_lock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

void portcullis_unlock(struct portcullis_lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/* One address space without borders: everything is everybody's. */
bool portcullis_in_domain(const void *pointer, size_t size)
{
	return (uintptr_t)pointer + size >= (uintptr_t)pointer;
}

bool portcullis_in_application(const void *pointer, size_t size)
{
	return portcullis_in_domain(pointer, size);
}

const struct portcullis_client *portcullis_client(void)
{
	static struct portcullis_client self;

	if (self.id == 0)
		self = (struct portcullis_client){1, 0, (uint32_t)getpid(), geteuid(), getegid()};
	return &self;
}

void **portcullis_state_of(const struct portcullis_client *client)
{
	(void)client;
	return &state;
}

void **portcullis_client_state(void)
{
	return &state;
}

int portcullis_attach_library(const char *name, unsigned flags)
{
	return portcullis_attach(name, flags);
}

_Noreturn void portcullis_fail(void)
{
	abort();
}
