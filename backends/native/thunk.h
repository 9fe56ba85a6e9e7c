/* Thunks for gates that are code of the runtime: what the stubs of a domain's entries jump to. */
#ifndef NATIVE_THUNK_H
#define NATIVE_THUNK_H

#include "native/domain.h"

/*
 * Makes them, in the domain's gate pages, which nobody can write then. Each leads to `gate` with the domain
 * in R11 and the entry's index in EAX, `vector` added for entries with floating-point values; the arguments
 * are where the ABI has them. 0 or -errno.
 */
long thunks_make(const struct native_domain *domain, void (*gate)(void), uint32_t vector);

uint64_t thunk_address(const struct native_domain *domain, unsigned index);

#endif
