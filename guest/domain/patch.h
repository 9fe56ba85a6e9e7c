/* Replacing placeholders in a copy of a gate. */
#ifndef GUEST_DOMAIN_PATCH_H
#define GUEST_DOMAIN_PATCH_H

#include "lib/lib.h"

/* Every occurrence of the 32-bit placeholder becomes `value`; there must be one. */
static inline void gate_patch(char *code, size_t size, uint32_t placeholder, uint32_t value)
{
	unsigned found = 0;

	for (size_t i = 0; i + sizeof(value) <= size; i++)
		if (!memcmp(code + i, &placeholder, sizeof(value))) {
			memcpy(code + i, &value, sizeof(value));
			found++;
		}
	kassert(found);
}

/* Likewise a 64-bit one. */
static inline void gate_patch_address(char *code, size_t size, uint64_t placeholder, uint64_t value)
{
	gate_patch(code, size, (uint32_t)(placeholder >> 32), (uint32_t)(value >> 32));
	gate_patch(code, size, (uint32_t)placeholder, (uint32_t)value);
}

#endif
