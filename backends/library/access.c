#include "portcullis/library.h"

#include <errno.h>

#include "library/domain.h"

/* In copy.S; the application's range has been checked. */
long portcullis_copy(void *to, const void *from, size_t size);
long portcullis_copy_string(char *to, const char *from, size_t size);

/*
 * Bytes of application memory from `pointer` on. In the guest it ends below the domains; a stock kernel also
 * puts a program's stack and mappings above them, where the guest maps nothing.
 */
static size_t application_bytes(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;

	if (address < PORTCULLIS_APPLICATION_END)
		return PORTCULLIS_APPLICATION_END - address;
	if (address >= PORTCULLIS_DOMAINS_END && address < PORTCULLIS_USER_END)
		return PORTCULLIS_USER_END - address;
	return 0;
}

bool portcullis_in_application(const void *pointer, size_t size)
{
	return size <= application_bytes(pointer);
}

bool portcullis_in_domain(const void *pointer, size_t size)
{
	uintptr_t offset = (uintptr_t)pointer - domain_base();

	return offset < PORTCULLIS_DOMAIN_SIZE && size <= PORTCULLIS_DOMAIN_SIZE - offset;
}

int portcullis_copy_in(void *to, const void *application, size_t size)
{
	if (!portcullis_in_application(application, size))
		return -EFAULT;
	return (int)portcullis_copy(to, application, size);
}

int portcullis_copy_out(void *application, const void *from, size_t size)
{
	if (!portcullis_in_application(application, size))
		return -EFAULT;
	return (int)portcullis_copy(application, from, size);
}

long portcullis_copy_in_string(char *to, const char *application, size_t size)
{
	size_t available = application_bytes(application);
	size_t limit = size < available ? size : available;
	long length = portcullis_copy_string(to, application, limit);

	if (length == (long)limit)
		return limit < size ? -EFAULT : -ENAMETOOLONG;
	return length;
}
