/*
 * The list of a space's mappings: sorted by address, without overlaps, neighbours that could be one mapping
 * merged. Page tables are not touched here.
 */
#ifndef GUEST_MM_MAPPING_H
#define GUEST_MM_MAPPING_H

#include "mm/space.h"

#define STACK_GUARD (256 * PAGE_SIZE) /* kept free below a mapping that grows down */

/* Mappings may lie there: below domains, gates and the kernel's window, above the lowest pages. */
bool is_application_range(uint64_t address, uint64_t length);

/* The first mapping that ends above `address`, or NULL. */
struct mapping *mapping_first(struct space *space, uint64_t address);

/* The one after `mapping`, or NULL. */
struct mapping *mapping_next(struct mapping *mapping);

/* No mapping overlaps [start, end). */
bool mapping_is_free(struct space *space, uint64_t start, uint64_t end);

/* Mappings without a hole cover [start, end). */
bool mapping_covers(struct space *space, uint64_t start, uint64_t end);

/*
 * Adds a mapping like `model` (its range, prot, flags and backing; references are taken), in a range that is
 * free, and merges it. 0 or -ENOMEM.
 */
long mapping_insert(struct space *space, const struct mapping *model);

/* The same for a range above all other mappings, without merging. */
long mapping_append(struct space *space, const struct mapping *model);

/* Makes [start, end) end at borders of mappings, by splitting those that cross them. 0 or -ENOMEM (nothing
 * lost). */
long mapping_isolate(struct space *space, uint64_t start, uint64_t end);

/* Takes it off the list and drops its references. */
void mapping_remove(struct mapping *mapping);

/* Merges what can be merged among the mappings that touch [start, end]. */
void mapping_merge(struct space *space, uint64_t start, uint64_t end);

/* Moves the lower border; the room must be free. */
void mapping_extend_down(struct mapping *mapping, uint64_t start);

/* The highest free range of `length` bytes below MMAP_TOP; 0: none. */
uint64_t mapping_find_gap(struct space *space, uint64_t length);

#endif
