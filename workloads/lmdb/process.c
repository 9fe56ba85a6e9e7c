/*
 * What LMDB uses of the C library besides memory and files: process and thread numbers, mutexes, texts. ISO C
 * and POSIX semantics as far as LMDB relies on them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "portcullis/library.h"

#define LOCK_ATTEMPTS 100

pid_t getpid(void)
{
	return (pid_t)portcullis_client()->pid;
}

long sysconf(int name)
{
	if (name == _SC_PAGE_SIZE)
		return 4096;
	errno = EINVAL;
	return -1;
}

/* The client alone: transactions are objects here (MDB_NOTLS), so that LMDB keeps nothing by thread. */
pthread_t pthread_self(void)
{
	return (pthread_t)portcullis_client()->id;
}

int pthread_mutexattr_init(pthread_mutexattr_t *attributes)
{
	memset(attributes, 0, sizeof(*attributes));
	return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attributes)
{
	(void)attributes;
	return 0;
}

int pthread_mutexattr_setpshared(pthread_mutexattr_t *attributes, int shared)
{
	(void)attributes, (void)shared;
	return 0;
}

int pthread_mutex_init(pthread_mutex_t *restrict mutex, const pthread_mutexattr_t *restrict attributes)
{
	(void)attributes;
	memset(mutex, 0, sizeof(*mutex));
	return 0;
}

/*
 * LMDB keeps the writers' mutex from the begin of a transaction to its end, that is over many entrances: who
 * waited for it inside the domain could wait for ever. So a mutex that stays taken is EBUSY, which
 * mdb_txn_begin() returns.
 */
int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
		if (__atomic_exchange_n((int *)mutex, 1, __ATOMIC_ACQUIRE) == 0)
			return 0;
		portcullis_system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
	}
	return EBUSY;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	__atomic_store_n((int *)mutex, 0, __ATOMIC_RELEASE);
	return 0;
}

/* Only environments without MDB_NOTLS have a key, and the entry points open none. */
int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
	(void)key, (void)destructor;
	return ENOSYS;
}

int pthread_key_delete(pthread_key_t key)
{
	(void)key;
	return EINVAL;
}

void *pthread_getspecific(pthread_key_t key)
{
	(void)key;
	return NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	(void)key, (void)value;
	return EINVAL;
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

char *strerror(int error)
{
	static const struct {
		int error;
		const char *text;
	} texts[] = {
	        {EACCES, "Permission denied"},
	        {EAGAIN, "Resource temporarily unavailable"},
	        {EBADF, "Bad file descriptor"},
	        {EBUSY, "Resource busy"},
	        {EFAULT, "Bad address"},
	        {EINVAL, "Invalid argument"},
	        {ENOENT, "No such file or directory"},
	        {ENOMEM, "Out of memory"},
	        {ENOSPC, "No space left on device"},
	        {ENFILE, "Too many open files in system"},
	        {EMFILE, "No file descriptors available"},
	        {ENOSYS, "Function not implemented"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error == error)
			return (char *)texts[i].text;
	return "No error information";
}

/* LMDB prints nothing but failed assertions, which nobody here could read: abort() follows, and the kernel
 * names the place. */
FILE *const stderr;

int sprintf(char *restrict to, const char *restrict format, ...)
{
	(void)format;
	*to = 0;
	return 0;
}

int fprintf(FILE *restrict file, const char *restrict format, ...)
{
	(void)file, (void)format;
	return 0;
}
