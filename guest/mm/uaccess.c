#include "mm/uaccess.h"

#include "domain/domain.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "options.h"
#include "proc/process.h"

/* mm/uaccess.S: 0, or another number after a fault that could not be resolved. */
uint64_t user_copy(void *to, const void *from, size_t size);
uint64_t user_clear(void *to, size_t size);
long user_copy_string(char *to, const char *from, size_t size);
uint64_t user_cmpxchg_u32(uint32_t *address, uint32_t *old, uint32_t wanted, uint32_t replacement);

struct fixup {
	uint64_t rip;
	uint64_t target;
};

extern const struct fixup __extable_start[], __extable_end[];

uint64_t user_limit(void)
{
	return option_holds("weaken", "uaccess") ? LOWER_HALF_END : APPLICATION_END;
}

bool user_range_is_allowed(uint64_t address, size_t size)
{
	uint64_t limit = current_thread()->user_limit;

	return (address <= limit && size <= limit - address) || domain_allows(address, size);
}

long copy_from_user(void *to, uint64_t from, size_t size)
{
	return user_range_is_allowed(from, size) && user_copy(to, (const void *)from, size) == 0 ? 0 : -EFAULT;
}

long copy_to_user(uint64_t to, const void *from, size_t size)
{
	return user_range_is_allowed(to, size) && user_copy((void *)to, from, size) == 0 ? 0 : -EFAULT;
}

long clear_user(uint64_t to, size_t size)
{
	return user_range_is_allowed(to, size) && user_clear((void *)to, size) == 0 ? 0 : -EFAULT;
}

long copy_string_from_user(char *to, uint64_t from, size_t size)
{
	uint64_t limit = current_thread()->user_limit;
	size_t room;
	long length;

	if (from < limit)
		room = MIN(size, limit - from);
	else if (domain_allows(from, size))
		room = size;
	else
		return -EFAULT;
	length = user_copy_string(to, (const char *)from, room);
	if (length < 0)
		return -EFAULT;
	if ((size_t)length == room)
		return room < size ? -EFAULT : -ENAMETOOLONG;
	return length;
}

long get_user_u64(uint64_t *to, uint64_t from)
{
	return copy_from_user(to, from, sizeof(*to));
}

long get_user_u32(uint32_t *to, uint64_t from)
{
	return copy_from_user(to, from, sizeof(*to));
}

long put_user_u64(uint64_t to, uint64_t value)
{
	return copy_to_user(to, &value, sizeof(value));
}

long put_user_u32(uint64_t to, uint32_t value)
{
	return copy_to_user(to, &value, sizeof(value));
}

long cmpxchg_user_u32(uint64_t address, uint32_t *old, uint32_t wanted, uint32_t replacement)
{
	if (!user_range_is_allowed(address, sizeof(uint32_t)))
		return -EFAULT;
	return user_cmpxchg_u32((uint32_t *)address, old, wanted, replacement) == 0 ? 0 : -EFAULT;
}

uint64_t uaccess_fixup(uint64_t rip)
{
	for (const struct fixup *fixup = __extable_start; fixup < __extable_end; fixup++)
		if (fixup->rip == rip)
			return fixup->target;
	return 0;
}
