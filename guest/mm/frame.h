/* Physical memory: page frames in a buddy allocator, reference counts, and the direct map. */
#ifndef GUEST_MM_FRAME_H
#define GUEST_MM_FRAME_H

#include "lib/lib.h"
#include "mm/layout.h"

typedef uint64_t paddr_t; /* a physical address; 0 is never a frame */

/*
 * Who pays for user memory: one account a run (plan line), inherited by fork. A frame is charged when allocated
 * and released when its last reference goes.
 */
struct account {
	uint64_t frames; /* now */
	uint64_t limit;  /* most allowed */
	uint64_t peak;
	bool exceeded; /* an allocation was refused by this account or by a machine without free frames */
};

/* Gives [start, end) to the allocator; called at boot for each usable range not in use. Page aligned. */
void frame_add_range(paddr_t start, paddr_t end);

/*
 * One frame with one reference, contents undefined; _zeroed: zeroes. `account` may be NULL (kernel memory).
 * 0 when the account is at its limit or no frame is free.
 */
paddr_t frame_alloc(struct account *account);
paddr_t frame_alloc_zeroed(struct account *account);

/* 2^order contiguous frames for the kernel, aligned to their size, one reference on the first; 0 when there is none. */
paddr_t frame_alloc_order(unsigned order);
void frame_free_order(paddr_t address, unsigned order);

void frame_get(paddr_t frame);          /* one more reference */
void frame_put(paddr_t frame);          /* one less; frees at 0 */
unsigned frame_references(paddr_t frame);
bool frame_is_managed(paddr_t frame);   /* false for device memory and kernel image */

uint64_t frame_free_count(void);  /* frames that are free now */
uint64_t frame_total_count(void); /* frames ever given to the allocator */

/* The kernel's view of physical memory. */
static inline void *phys_to_virt(paddr_t address)
{
	return (void *)(DIRECT_MAP_BASE + address);
}

static inline paddr_t virt_to_phys(const void *pointer) /* of a direct-map address */
{
	return (paddr_t)pointer - DIRECT_MAP_BASE;
}

#endif
