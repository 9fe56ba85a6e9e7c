/*
 * The only way from the kernel to user memory. Each call checks the range against what the current thread may
 * name (one compare with its `user_limit`, so that no system call is a deputy into a domain), opens SMAP for the copy
 * alone, and fails with -EFAULT instead of faulting. Pages are brought in on demand.
 */
#ifndef GUEST_MM_UACCESS_H
#define GUEST_MM_UACCESS_H

#include "lib/lib.h"

/* The user_limit of threads. */
uint64_t user_limit(void);

/* 0 or -EFAULT; a partial copy may have been made. */
long copy_from_user(void *to, uint64_t from, size_t size);
long copy_to_user(uint64_t to, const void *from, size_t size);
long clear_user(uint64_t to, size_t size);

/* A NUL-terminated string of at most size - 1 characters. Its length, or -EFAULT, -ENAMETOOLONG. */
long copy_string_from_user(char *to, uint64_t from, size_t size);

long get_user_u64(uint64_t *to, uint64_t from);
long get_user_u32(uint32_t *to, uint64_t from);
long put_user_u64(uint64_t to, uint64_t value);
long put_user_u32(uint64_t to, uint32_t value);

/*
 * Atomic compare-exchange on a user word, for futexes: *old receives what was there. 0 or -EFAULT.
 */
long cmpxchg_user_u32(uint64_t address, uint32_t *old, uint32_t wanted, uint32_t replacement);

/* Does [address, address + size) lie where the current thread may name addresses: in application memory, or in the domain whose
 * rights it has? */
bool user_range_is_allowed(uint64_t address, size_t size);

/* For the page-fault handler: the address to continue at when the kernel instruction at `rip` faults, 0 if none. */
uint64_t uaccess_fixup(uint64_t rip);

#endif
