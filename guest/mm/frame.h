/* Physical memory: page frames in a buddy allocator, reference counts, and the direct map. */
#ifndef GUEST_MM_FRAME_H
#define GUEST_MM_FRAME_H

#include "lib/lib.h"
#include "lib/list.h"
#include "mm/layout.h"

typedef uint64_t paddr_t; /* a physical address; 0 is never a frame */

/*
 * Who pays for user memory: one account a run (plan line), inherited by fork. A frame is charged when
 * allocated and released when its last reference goes. Files outlive the run that wrote them: an account is
 * freed when neither a reference nor a frame is left.
 */
struct account {
	unsigned references; /* of the run and of memory objects that will charge it */
	uint64_t frames;     /* now */
	uint64_t limit;      /* most allowed */
	uint64_t peak;
	bool exceeded; /* an allocation was refused by this account or by a machine without free frames */
};

struct account *account_create(uint64_t limit); /* frames; one reference; NULL: out of memory */
void account_get(struct account *account);      /* NULL is fine, as for account_put */
void account_put(struct account *account);

/*
 * Gives [start, end) to the allocator; called at boot for each usable range not in use. Page aligned,
 * reachable through the direct map. The range pays for its own frame descriptors. Ranges of under 16 frames
 * are ignored, and so are those beyond FRAME_RANGES_MAX.
 */
#define FRAME_RANGES_MAX 16
void frame_add_range(paddr_t start, paddr_t end);

/*
 * One frame with one reference, contents undefined; _zeroed: zeroes. `account` may be NULL (kernel memory).
 * 0 when the account is at its limit or no frame is free.
 */
paddr_t frame_alloc(struct account *account);
paddr_t frame_alloc_zeroed(struct account *account);

/*
 * 2^order contiguous frames for the kernel, order at most FRAME_ORDER_MAX, aligned to their size, one
 * reference on the first; 0 when there is none.
 */
#define FRAME_ORDER_MAX 10
paddr_t frame_alloc_order(unsigned order);
void frame_free_order(paddr_t address, unsigned order);

/* Of a frame from frame_alloc. Frames that are not managed (device memory, the kernel image) are never freed:
 * nothing to do. */
void frame_get(paddr_t frame); /* one more reference */
void frame_put(paddr_t frame); /* one less; frees at 0 */
unsigned frame_references(paddr_t frame);
bool frame_is_managed(paddr_t frame); /* false for device memory and kernel image */

uint64_t frame_free_count(void);  /* frames that are free now */
uint64_t frame_total_count(void); /* frames ever given to the allocator */

enum frame_state {
	FRAME_INNER,  /* part of a block that an earlier frame heads */
	FRAME_FREE,   /* heads a free block */
	FRAME_CACHED, /* free, kept apart for the next frame_alloc */
	FRAME_USED,   /* heads an allocated block */
	FRAME_SLAB,   /* holds small objects: mm/heap.c */
};

/* What the allocator knows of a managed frame. */
struct frame {
	struct list link; /* free: in a free list; slab: in its class's list of slabs with room */
	union {
		struct account *account; /* that paid for it, or NULL */
		void *free_objects;      /* slab: chain of free objects */
	};
	uint32_t references; /* slab: objects in use */
	uint8_t order;       /* of the block that this frame heads */
	uint8_t state;       /* enum frame_state */
};

struct frame *frame_of(paddr_t frame);            /* NULL when it is not managed */
paddr_t frame_address(const struct frame *frame); /* the inverse */

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
