/* The system call of portcullis/wire.h. */
#ifndef NATIVE_WIRE_H
#define NATIVE_WIRE_H

#include "native/domain.h"

/* For a library, whose the caller has to be. 0 or -errno. */
long wire_map(uint64_t address, uint64_t size, uint64_t name, unsigned end);

void wire_leave(struct native_domain *domain);  /* it is about to be unmapped */
void wire_forked(struct native_domain *domain); /* a child's copy of the domain has no wire */

#endif
