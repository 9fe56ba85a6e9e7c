/* Resizing and moving a mapping. */
#include "lib/errno.h"
#include "mm/mapping.h"
#include "mm/pagetable.h"

/* The part of a mapping's model that starts `skipped` bytes in, placed at [start, start + length). */
static struct mapping part_of(const struct mapping *mapping, uint64_t skipped, uint64_t start,
                              uint64_t length)
{
	struct mapping model = *mapping;

	model.start = start;
	model.end = start + length;
	if (model.object)
		model.offset += skipped;
	return model;
}

/* Moves the populated entries of [from, from + length) to `to`. False: out of memory, and nothing was moved.
 */
static bool move_pages(struct space *space, uint64_t from, uint64_t to, uint64_t length)
{
	uint64_t *entry;

	for (uint64_t at = from; pagetable_next(space->pml4, &at, from + length); at += PAGE_SIZE)
		if (!pagetable_create(space->pml4, at - from + to, space->account))
			return false;
	for (uint64_t at = from; (entry = pagetable_next(space->pml4, &at, from + length)); at += PAGE_SIZE) {
		*pagetable_entry(space->pml4, at - from + to) = *entry | (space->guard ? PTE_NX : 0);
		*entry = 0;
	}
	space_flush_all(space);
	return true;
}

/* Moves `mapping`'s part at [address, address + old_length) to the free range [target, target + new_length).
 */
static long move(struct space *space, const struct mapping *mapping, uint64_t address, uint64_t old_length,
                 uint64_t target, uint64_t new_length)
{
	struct mapping model = part_of(mapping, address - mapping->start, target, new_length);
	long error = mapping_insert(space, &model);

	if (error)
		return error;
	if (!move_pages(space, address, target, MIN(old_length, new_length)) ||
	    space_unmap(space, address, old_length) != 0) {
		/* Only a mapping that had to be split for want of memory leaves pages to give back. */
		move_pages(space, target, address, MIN(old_length, new_length));
		space_unmap(space, target, new_length);
		return -ENOMEM;
	}
	return (long)target;
}

long space_remap(struct space *space, uint64_t address, uint64_t old_length, uint64_t new_length,
                 bool may_move, uint64_t target)
{
	struct mapping *mapping = space_find(space, address), model;
	long error;

	if (old_length > APPLICATION_END || new_length > APPLICATION_END)
		return -EINVAL;
	old_length = ALIGN_UP(old_length, PAGE_SIZE);
	new_length = ALIGN_UP(new_length, PAGE_SIZE);
	if ((address & ~PAGE_MASK) || (target & ~PAGE_MASK) || old_length == 0 || new_length == 0)
		return -EINVAL;
	if (!mapping || old_length > mapping->end - address)
		return -EFAULT;
	if (new_length > old_length && !space_may_grow(space, new_length - old_length))
		return -ENOMEM;
	if (target) {
		if (!is_application_range(target, new_length) ||
		    (target < address + old_length && address < target + new_length))
			return -EINVAL;
		error = space_unmap(space, target, new_length);
		if (error)
			return error;
		mapping = space_find(space, address); /* it may have merged or been split around the target */
		return move(space, mapping, address, old_length, target, new_length);
	}
	if (new_length <= old_length) {
		error = new_length < old_length
		                ? space_unmap(space, address + new_length, old_length - new_length)
		                : 0;
		return error ? error : (long)address;
	}
	if (address + old_length == mapping->end && new_length <= APPLICATION_END - address &&
	    mapping_is_free(space, mapping->end, address + new_length)) {
		model = part_of(mapping, mapping->end - mapping->start, mapping->end,
		                new_length - old_length);
		error = mapping_insert(space, &model);
		return error ? error : (long)address;
	}
	target = may_move ? mapping_find_gap(space, new_length) : 0;
	return target ? move(space, mapping, address, old_length, target, new_length) : -ENOMEM;
}
