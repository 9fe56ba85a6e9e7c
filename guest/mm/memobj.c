/*
 * Memory objects: a radix tree of frames by page index, as high as the largest index needs. A slot of a node
 * in the lowest level holds the physical address of a frame, above it a pointer to a node; 0 is a hole.
 */
#include "mm/memobj.h"

#include "lib/errno.h"
#include "mm/heap.h"

#define NODE_SHIFT 6
#define NODE_SLOTS (1UL << NODE_SHIFT)

struct node {
	uint64_t slots[NODE_SLOTS];
};

struct memobj {
	unsigned references;
	unsigned height; /* levels of nodes; 0: `root` is page 0 */
	uint64_t root;
	uint64_t pages; /* that are not holes */
	struct account *account;
	struct list mappings;
};

struct memobj *memobj_create(struct account *account)
{
	struct memobj *object = kzalloc(sizeof(*object));

	if (object) {
		object->references = 1;
		object->account = account;
		account_get(account);
		list_init(&object->mappings);
	}
	return object;
}

void memobj_charge(struct memobj *object, struct account *account)
{
	kassert(!object->pages);
	account_get(account);
	account_put(object->account);
	object->account = account;
}

void memobj_get(struct memobj *object)
{
	object->references++;
}

void memobj_put(struct memobj *object)
{
	kassert(object->references > 0);
	if (--object->references > 0)
		return;
	kassert(list_empty(&object->mappings));
	memobj_truncate(object, 0);
	account_put(object->account);
	kfree(object);
}

struct list *memobj_mappings(struct memobj *object)
{
	return &object->mappings;
}

static bool has_room_for(const struct memobj *object, uint64_t index)
{
	unsigned bits = object->height * NODE_SHIFT;

	return bits >= 64 || index >> bits == 0;
}

/* Adds levels until `index` has a place. */
static bool grow(struct memobj *object, uint64_t index)
{
	while (!has_room_for(object, index)) {
		if (object->root) {
			struct node *node = kzalloc(sizeof(*node));

			if (!node)
				return false;
			node->slots[0] = object->root;
			object->root = (uint64_t)node;
		}
		object->height++;
	}
	return true;
}

/* Where the frame of page `index` is kept, or NULL: there is no node for it, or (create) no memory. */
static uint64_t *find_slot(struct memobj *object, uint64_t index, bool create)
{
	uint64_t *slot = &object->root;

	if (!has_room_for(object, index) && (!create || !grow(object, index)))
		return NULL;
	for (unsigned level = object->height; level > 0; level--) {
		if (!*slot) {
			struct node *node = create ? kzalloc(sizeof(*node)) : NULL;

			if (!node)
				return NULL;
			*slot = (uint64_t)node;
		}
		slot = &((struct node *)*slot)->slots[index >> (level - 1) * NODE_SHIFT & (NODE_SLOTS - 1)];
	}
	return slot;
}

paddr_t memobj_page(struct memobj *object, uint64_t index, bool create)
{
	uint64_t *slot = find_slot(object, index, create);

	if (!slot)
		return 0;
	if (!*slot && create) {
		*slot = frame_alloc_zeroed(object->account);
		object->pages += *slot != 0;
	}
	return *slot;
}

long memobj_set_page(struct memobj *object, uint64_t index, paddr_t frame)
{
	uint64_t *slot = find_slot(object, index, true);

	if (!slot)
		return -ENOMEM;
	kassert(!*slot);
	*slot = frame;
	object->pages++;
	return 0;
}

void memobj_remove_page(struct memobj *object, uint64_t index)
{
	uint64_t *slot = find_slot(object, index, false);

	if (!slot || !*slot)
		return;
	frame_put(*slot);
	*slot = 0;
	object->pages--;
}

uint64_t memobj_page_count(const struct memobj *object)
{
	return object->pages;
}

/* The first page from `index` on below a slot, whose first page has index 0. */
static uint64_t next_page(uint64_t slot, unsigned height, uint64_t index)
{
	unsigned shift;

	if (!slot)
		return MEMOBJ_NO_PAGE;
	if (height == 0)
		return 0;
	shift = (height - 1) * NODE_SHIFT;
	for (uint64_t i = index >> shift; i < NODE_SLOTS; i++) {
		uint64_t start = i << shift;
		uint64_t found = next_page(((struct node *)slot)->slots[i], height - 1,
		                           index > start ? index - start : 0);

		if (found != MEMOBJ_NO_PAGE)
			return start + found;
	}
	return MEMOBJ_NO_PAGE;
}

uint64_t memobj_next_page(const struct memobj *object, uint64_t index)
{
	return has_room_for(object, index) ? next_page(object->root, object->height, index) : MEMOBJ_NO_PAGE;
}

/* Frees the pages from index `first` on below `slot`, whose first page has index 0, and the nodes that become
 * empty. */
static void free_from(struct memobj *object, uint64_t *slot, unsigned height, uint64_t first)
{
	struct node *node = (struct node *)*slot;
	uint64_t index;

	if (!*slot)
		return;
	if (height == 0) {
		frame_put(*slot);
		*slot = 0;
		object->pages--;
		return;
	}
	index = first >> (height - 1) * NODE_SHIFT;
	if (index >= NODE_SLOTS)
		return;
	first -= index << (height - 1) * NODE_SHIFT;
	free_from(object, &node->slots[index], height - 1, first);
	for (uint64_t next = index + 1; next < NODE_SLOTS; next++)
		free_from(object, &node->slots[next], height - 1, 0);
	if (index == 0 && !node->slots[0]) {
		kfree(node);
		*slot = 0;
	}
}

void memobj_truncate(struct memobj *object, uint64_t size)
{
	uint64_t kept = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;

	if (size & ~PAGE_MASK) {
		paddr_t last = memobj_page(object, size >> PAGE_SHIFT, false);

		if (last)
			memset((char *)phys_to_virt(last) + (size & ~PAGE_MASK), 0,
			       PAGE_SIZE - (size & ~PAGE_MASK));
	}
	if (has_room_for(object, kept))
		free_from(object, &object->root, object->height, kept);
	if (!object->root)
		object->height = 0;
}

void memobj_read(struct memobj *object, uint64_t offset, void *to, size_t size)
{
	while (size > 0) {
		uint64_t within = offset & ~PAGE_MASK;
		size_t step = MIN(size, PAGE_SIZE - within);
		paddr_t frame = memobj_page(object, offset >> PAGE_SHIFT, false);

		if (frame)
			memcpy(to, (char *)phys_to_virt(frame) + within, step);
		else
			memset(to, 0, step);
		to = (char *)to + step;
		offset += step;
		size -= step;
	}
}

long memobj_write(struct memobj *object, uint64_t offset, const void *from, size_t size)
{
	while (size > 0) {
		uint64_t within = offset & ~PAGE_MASK;
		size_t step = MIN(size, PAGE_SIZE - within);
		paddr_t frame = memobj_page(object, offset >> PAGE_SHIFT, true);

		if (!frame)
			return -ENOMEM;
		memcpy((char *)phys_to_virt(frame) + within, from, step);
		from = (const char *)from + step;
		offset += step;
		size -= step;
	}
	return 0;
}
