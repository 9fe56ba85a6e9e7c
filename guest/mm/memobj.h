/*
 * A memory object: pages that a file or a shared mapping consists of. File contents live in one, so that a MAP_SHARED
 * mapping of a file and read/write on it see the same frames.
 */
#ifndef GUEST_MM_MEMOBJ_H
#define GUEST_MM_MEMOBJ_H

#include "lib/list.h"
#include "mm/frame.h"

struct memobj;

struct memobj *memobj_create(struct account *account); /* empty, one reference; NULL: out of memory */
/* Lets another account pay for pages from now on. The object must be empty. */
void memobj_charge(struct memobj *object, struct account *account);
void memobj_get(struct memobj *object);
void memobj_put(struct memobj *object); /* the last one frees all pages */

/* The frame of page `index`, still owned by the object. With `create`, a hole gets a zeroed frame. 0: hole, or no memory. */
paddr_t memobj_page(struct memobj *object, uint64_t index, bool create);

/* Gives an existing frame (its reference moves) as page `index`, which must be a hole. 0 or -ENOMEM. */
long memobj_set_page(struct memobj *object, uint64_t index, paddr_t frame);

/* Makes page `index` a hole. No mapping may show it. */
void memobj_remove_page(struct memobj *object, uint64_t index);

uint64_t memobj_page_count(const struct memobj *object); /* pages that are not holes */

/* The first page at or after `index` that is not a hole, or MEMOBJ_NO_PAGE. */
#define MEMOBJ_NO_PAGE UINT64_MAX
uint64_t memobj_next_page(const struct memobj *object, uint64_t index);

/*
 * Frees the pages from byte `size` on and zeroes the rest of the page that holds it. Mappings of those pages must have been
 * removed by the caller (space_truncate_object).
 */
void memobj_truncate(struct memobj *object, uint64_t size);

/* The mappings that show it (struct mapping, by object_link): kept by mm/mapping.c. */
struct list *memobj_mappings(struct memobj *object);

/* Kernel-side copies; holes read as zeroes. 0 or -ENOMEM (write). */
void memobj_read(struct memobj *object, uint64_t offset, void *to, size_t size);
long memobj_write(struct memobj *object, uint64_t offset, const void *from, size_t size);

#endif
