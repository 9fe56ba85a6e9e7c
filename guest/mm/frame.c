/*
 * The frame allocator: a binary buddy system over up to FRAME_RANGES_MAX ranges of physical memory, each with
 * an array of frame descriptors at its start. Single frames pass through a small stack in front of it, so
 * that a fork and an exit do not split and merge blocks all the time.
 */
#include "mm/frame.h"

#include "mm/heap.h"

#define RANGE_FRAMES_MIN 16
#define CACHE_MAX        512 /* single free frames held back from merging */

struct range {
	paddr_t start, end; /* of the managed frames */
	struct frame *frames;
};

static struct range ranges[FRAME_RANGES_MAX]; /* largest first */
static unsigned range_count;
static struct list free_blocks[FRAME_ORDER_MAX + 1];
static struct list cache = LIST_INIT(cache);
static unsigned cache_count;
static uint64_t free_count, total_count;

static inline struct range *range_of(paddr_t address)
{
	for (struct range *range = ranges; range < ranges + range_count; range++)
		if (address - range->start < range->end - range->start)
			return range;
	return NULL;
}

static inline struct frame *frame_in(struct range *range, paddr_t address)
{
	return &range->frames[(address - range->start) >> PAGE_SHIFT];
}

struct frame *frame_of(paddr_t address)
{
	struct range *range = range_of(address);

	return range ? frame_in(range, address) : NULL;
}

paddr_t frame_address(const struct frame *frame)
{
	for (struct range *range = ranges; range < ranges + range_count; range++) {
		uint64_t offset = (uint64_t)(frame - range->frames) << PAGE_SHIFT;

		if (frame >= range->frames && offset < range->end - range->start)
			return range->start + offset;
	}
	panic("frame_address: %p describes no frame", (const void *)frame);
}

static void block_add(struct frame *frame, unsigned order)
{
	frame->state = FRAME_FREE;
	frame->order = (uint8_t)order;
	list_add(&free_blocks[order], &frame->link);
}

/* Returns a block to the free lists, merged with its free buddies. */
static void block_free(struct range *range, paddr_t address, unsigned order)
{
	for (; order < FRAME_ORDER_MAX; order++) {
		paddr_t buddy = address ^ (PAGE_SIZE << order);
		struct frame *frame;

		if (buddy < range->start || buddy + (PAGE_SIZE << order) > range->end)
			break;
		frame = frame_in(range, buddy);
		if (frame->state != FRAME_FREE || frame->order != order)
			break;
		list_remove(&frame->link);
		frame->state = FRAME_INNER;
		frame_in(range, address)->state = FRAME_INNER;
		address &= ~(PAGE_SIZE << order);
	}
	block_add(frame_in(range, address), order);
}

/* Takes a block off the free lists, splitting the smallest that is large enough. NULL when there is none. */
static struct frame *block_alloc(unsigned order)
{
	struct frame *frame;
	unsigned found = order;

	while (found <= FRAME_ORDER_MAX && list_empty(&free_blocks[found]))
		found++;
	if (found > FRAME_ORDER_MAX)
		return NULL;
	frame = list_entry(free_blocks[found].next, struct frame, link);
	list_remove(&frame->link);
	while (found > order) {
		found--;
		block_add(frame + (1UL << found), found);
	}
	return frame;
}

static void cache_empty(void)
{
	list_for_each_safe (node, &cache) {
		paddr_t address = frame_address(list_entry(node, struct frame, link));

		list_remove(node);
		block_free(range_of(address), address, 0);
	}
	cache_count = 0;
}

static void frame_release(struct range *range, struct frame *frame, paddr_t address, unsigned order)
{
	free_count += 1UL << order;
	if (order == 0 && cache_count < CACHE_MAX) {
		frame->state = FRAME_CACHED;
		list_add(&cache, &frame->link);
		cache_count++;
		return;
	}
	block_free(range, address, order);
}

static struct frame *frame_take(unsigned order)
{
	struct frame *frame;

	if (order == 0 && cache_count > 0) {
		frame = list_entry(cache.next, struct frame, link);
		list_remove(&frame->link);
		cache_count--;
	} else {
		frame = block_alloc(order);
		if (!frame && cache_count > 0) {
			cache_empty();
			frame = block_alloc(order);
		}
		if (!frame)
			return NULL;
	}
	free_count -= 1UL << order;
	frame->state = FRAME_USED;
	frame->order = (uint8_t)order;
	frame->references = 1;
	frame->account = NULL;
	return frame;
}

/* Inserts by size, so that range_of() meets the range that holds most frames first. */
static struct range *range_insert(struct range new)
{
	struct range *range = ranges + range_count++;

	for (; range > ranges && range[-1].end - range[-1].start < new.end - new.start; range--)
		range[0] = range[-1];
	*range = new;
	return range;
}

void frame_add_range(paddr_t start, paddr_t end)
{
	uint64_t count, descriptors;
	struct range *range;

	if (!free_blocks[0].next)
		for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
			list_init(&free_blocks[order]);
	kassert(((start | end) & ~PAGE_MASK) == 0);
	if (start == 0)
		start = PAGE_SIZE; /* 0 is never a frame */
	if (end <= start || end - start < RANGE_FRAMES_MIN * PAGE_SIZE || range_count == FRAME_RANGES_MAX)
		return;
	count = (end - start) >> PAGE_SHIFT;
	descriptors = ALIGN_UP(count * sizeof(struct frame), PAGE_SIZE);
	memset(phys_to_virt(start), 0, descriptors);
	range = range_insert((struct range){start + descriptors, end, phys_to_virt(start)});
	count = (range->end - range->start) >> PAGE_SHIFT;
	total_count += count;
	free_count += count;

	for (paddr_t address = range->start; address < range->end;) {
		unsigned order = 0;

		while (order < FRAME_ORDER_MAX && !(address & (PAGE_SIZE << order)) &&
		       address + (PAGE_SIZE << (order + 1)) <= range->end)
			order++;
		block_add(frame_in(range, address), order);
		address += PAGE_SIZE << order;
	}
}

struct account *account_create(uint64_t limit)
{
	struct account *account = kzalloc(sizeof(*account));

	if (account)
		*account = (struct account){.references = 1, .limit = limit};
	return account;
}

static void account_free_if_unused(struct account *account)
{
	if (!account->references && !account->frames)
		kfree(account);
}

void account_get(struct account *account)
{
	if (account)
		account->references++;
}

void account_put(struct account *account)
{
	if (!account)
		return;
	kassert(account->references > 0);
	account->references--;
	account_free_if_unused(account);
}

paddr_t frame_alloc(struct account *account)
{
	struct frame *frame;

	if (account && account->frames >= account->limit) {
		account->exceeded = true;
		return 0;
	}
	frame = frame_take(0);
	if (!frame) {
		if (account)
			account->exceeded = true;
		return 0;
	}
	if (account) {
		frame->account = account;
		account->frames++;
		account->peak = MAX(account->peak, account->frames);
	}
	return frame_address(frame);
}

paddr_t frame_alloc_zeroed(struct account *account)
{
	paddr_t address = frame_alloc(account);

	if (address)
		memset(phys_to_virt(address), 0, PAGE_SIZE);
	return address;
}

paddr_t frame_alloc_order(unsigned order)
{
	struct frame *frame = order <= FRAME_ORDER_MAX ? frame_take(order) : NULL;

	return frame ? frame_address(frame) : 0;
}

void frame_free_order(paddr_t address, unsigned order)
{
	struct range *range = range_of(address);
	struct frame *frame;

	kassert(range);
	frame = frame_in(range, address);
	kassert(frame->state == FRAME_USED && frame->order == order && frame->references == 1);
	frame_release(range, frame, address, order);
}

void frame_get(paddr_t address)
{
	struct frame *frame = frame_of(address);

	if (!frame)
		return;
	kassert(frame->state == FRAME_USED);
	frame->references++;
}

void frame_put(paddr_t address)
{
	struct range *range = range_of(address);
	struct frame *frame;

	if (!range)
		return;
	frame = frame_in(range, address);
	kassert(frame->state == FRAME_USED && frame->order == 0);
	if (--frame->references > 0)
		return;
	if (frame->account) {
		kassert(frame->account->frames > 0);
		frame->account->frames--;
		account_free_if_unused(frame->account);
	}
	frame_release(range, frame, address, 0);
}

unsigned frame_references(paddr_t address)
{
	struct frame *frame = frame_of(address);

	return frame && frame->state == FRAME_USED ? frame->references : 0;
}

bool frame_is_managed(paddr_t address)
{
	return range_of(address) != NULL;
}

uint64_t frame_free_count(void)
{
	return free_count;
}

uint64_t frame_total_count(void)
{
	return total_count;
}
