/* The memory of a domain, at its addresses (portcullis/layout.h). */
#ifndef NATIVE_MAP_H
#define NATIVE_MAP_H

#include "native/domain.h"

/*
 * Maps image, gate data, heap and the stacks of the domain's thread slots. `memory`: the shared domain's (an
 * offset is that in the domain), or -1: private memory, with the image loaded. 0 or -errno.
 */
long map_domain(const struct native_domain *domain, int memory);

long map_stacks(const struct native_domain *domain);
void unmap_stacks(const struct native_domain *domain);
void unmap_domain(const struct native_domain *domain); /* all of it, and the gate */

/* Calls function(argument) on the stack that ends at `top`. */
uint64_t map_call(uint64_t top, uint64_t function, uint64_t argument);

/* In a process of the broker's: maps the domain and calls its teardown function on a stack of slot 0. 0 or
 * -errno. */
long map_and_tear_down(const struct image_plan *plan, unsigned number, int memory, uint64_t client);

#endif
