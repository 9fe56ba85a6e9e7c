#include "mm/mapping.h"

#include "fs/file.h"
#include "lib/errno.h"
#include "mm/heap.h"

static struct mapping *at(struct list *node)
{
	return list_entry(node, struct mapping, link);
}

struct mapping *mapping_first(struct space *space, uint64_t address)
{
	list_for_each (node, &space->mappings)
		if (at(node)->end > address)
			return at(node);
	return NULL;
}

struct mapping *mapping_next(struct mapping *mapping)
{
	return mapping->link.next == &mapping->space->mappings ? NULL : at(mapping->link.next);
}

struct mapping *space_find(struct space *space, uint64_t address)
{
	struct mapping *mapping = space->last_found;

	if (mapping && address - mapping->start < mapping->end - mapping->start)
		return mapping;
	mapping = mapping_first(space, address);
	if (!mapping || address < mapping->start)
		return NULL;
	space->last_found = mapping;
	return mapping;
}

bool mapping_is_free(struct space *space, uint64_t start, uint64_t end)
{
	struct mapping *mapping = mapping_first(space, start);

	return !mapping || mapping->start >= end;
}

bool mapping_covers(struct space *space, uint64_t start, uint64_t end)
{
	for (struct mapping *mapping = mapping_first(space, start); start < end;
	     mapping = mapping_next(mapping)) {
		if (!mapping || mapping->start > start)
			return false;
		start = mapping->end;
	}
	return true;
}

/* A copy of `model` with references of its own, in no list of the space yet. */
static struct mapping *create(struct space *space, const struct mapping *model)
{
	struct mapping *mapping;

	if (space->mapping_count >= MAPPINGS_MAX)
		return NULL;
	mapping = kmalloc(sizeof(*mapping));
	if (!mapping)
		return NULL;
	*mapping = *model;
	mapping->space = space;
	list_init(&mapping->link);
	list_init(&mapping->object_link);
	if (mapping->object) {
		memobj_get(mapping->object);
		list_add(memobj_mappings(mapping->object), &mapping->object_link);
	}
	if (mapping->inode)
		inode_get(mapping->inode);
	return mapping;
}

static void link_before(struct mapping *mapping, struct list *next)
{
	list_add_tail(next, &mapping->link);
	mapping->space->mapping_count++;
	mapping->space->mapped += mapping->end - mapping->start;
}

void mapping_remove(struct mapping *mapping)
{
	struct space *space = mapping->space;

	space->last_found = NULL;
	space->mapping_count--;
	space->mapped -= mapping->end - mapping->start;
	list_remove(&mapping->link);
	list_remove(&mapping->object_link);
	if (mapping->object)
		memobj_put(mapping->object);
	if (mapping->inode)
		inode_put(mapping->inode);
	kfree(mapping);
}

static bool can_merge(const struct mapping *low, const struct mapping *high)
{
	return low->end == high->start && low->prot == high->prot && low->shared == high->shared &&
	       low->never_writable == high->never_writable && low->grows_down == high->grows_down &&
	       low->object == high->object && low->inode == high->inode &&
	       (!low->object || low->offset + (low->end - low->start) == high->offset);
}

void mapping_merge(struct space *space, uint64_t start, uint64_t end)
{
	struct mapping *mapping = mapping_first(space, start > 0 ? start - 1 : 0), *next;

	for (; mapping && (next = mapping_next(mapping)) && next->start <= end;) {
		uint64_t high_end = next->end;

		if (!can_merge(mapping, next)) {
			mapping = next;
			continue;
		}
		mapping_remove(next);
		space->mapped += high_end - mapping->end;
		mapping->end = high_end;
	}
}

long mapping_insert(struct space *space, const struct mapping *model)
{
	struct mapping *next = mapping_first(space, model->start);
	struct mapping *mapping = create(space, model);

	if (!mapping)
		return -ENOMEM;
	kassert(!next || next->start >= model->end);
	link_before(mapping, next ? &next->link : &space->mappings);
	mapping_merge(space, model->start, model->end);
	return 0;
}

long mapping_append(struct space *space, const struct mapping *model)
{
	struct mapping *mapping = create(space, model);

	if (!mapping)
		return -ENOMEM;
	link_before(mapping, &space->mappings);
	return 0;
}

/* Makes `address` a border. */
static long split(struct space *space, uint64_t address)
{
	struct mapping *high = mapping_first(space, address), *low;

	if (!high || high->start >= address)
		return 0;
	low = create(space, high);
	if (!low)
		return -ENOMEM;
	low->end = address;
	space->mapped -= address - high->start;
	if (high->object)
		high->offset += address - high->start;
	high->start = address;
	link_before(low, &high->link);
	return 0;
}

long mapping_isolate(struct space *space, uint64_t start, uint64_t end)
{
	long error = split(space, start);

	return error ? error : split(space, end);
}

void mapping_extend_down(struct mapping *mapping, uint64_t start)
{
	mapping->space->mapped += mapping->start - start;
	mapping->start = start;
}

uint64_t mapping_find_gap(struct space *space, uint64_t length)
{
	uint64_t ceiling = MMAP_TOP;

	for (struct list *node = space->mappings.prev;; node = node->prev) {
		bool last = node == &space->mappings;
		uint64_t floor = last ? USER_BASE : at(node)->end;
		uint64_t guard;

		if (floor < ceiling && ceiling - floor >= length)
			return ceiling - length;
		if (last)
			return 0;
		guard = at(node)->grows_down ? STACK_GUARD : 0;
		ceiling = MIN(ceiling, at(node)->start > guard ? at(node)->start - guard : 0);
	}
}
