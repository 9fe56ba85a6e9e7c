/* Address spaces: life, fork, and the operations on ranges. */
#include "mm/space.h"

#include "domain/domain.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kernel_map.h"
#include "mm/mapping.h"
#include "mm/pagetable.h"
#include "options.h"
#include "plan/counters.h"
#include "x86/percpu.h"

#define USER_HALF_ENTRIES 256
#define FLUSH_PAGES_MAX   32 /* more pages than that are flushed as a whole */

struct space *space_create(struct account *account)
{
	struct space *space = kzalloc(sizeof(*space));
	uint64_t *table;

	if (!space)
		return NULL;
	space->pml4 = frame_alloc(account);
	if (!space->pml4) {
		kfree(space);
		return NULL;
	}
	table = phys_to_virt(space->pml4);
	memset(table, 0, USER_HALF_ENTRIES * sizeof(*table));
	memcpy(table + USER_HALF_ENTRIES, (uint64_t *)phys_to_virt(kernel_pml4) + USER_HALF_ENTRIES,
	       (TABLE_ENTRIES - USER_HALF_ENTRIES) * sizeof(*table));
	list_init(&space->mappings);
	space->references = 1;
	space->account = account;
	space->size_limit = UINT64_MAX;
	space->stack_limit = STACK_LIMIT;
	return space;
}

void space_get(struct space *space)
{
	space->references++;
}

void space_put(struct space *space)
{
	kassert(space->references > 0);
	if (--space->references > 0)
		return;
	if (this_cpu->space == space)
		space_switch(NULL);
	domain_release_space(space);
	if (space->guard)
		space->guard->release(space);
	pagetable_free(space->pml4, 0, DOMAIN_BASE);
	list_for_each_safe (node, &space->mappings)
		mapping_remove(list_entry(node, struct mapping, link));
	frame_put(space->pml4);
	kfree(space);
}

void space_switch(struct space *space)
{
	if (this_cpu->space == space)
		return;
	if ((space && space->tagged) || (this_cpu->space && this_cpu->space->tagged))
		invpcid_all();
	this_cpu->space = space;
	write_cr3(space ? space->pml4 : kernel_pml4);
}

void space_flush_page(struct space *space, uint64_t address)
{
	space->flushes.pages++;
	counters[COUNT_PAGE_FLUSHES]++;
	if (this_cpu->space != space || tlb_model_leaves_out("flush-page"))
		return;
	if (space->tagged)
		invpcid_all();
	else
		invlpg(address);
}

void space_flush_all(struct space *space)
{
	space->flushes.spaces++;
	counters[COUNT_SPACE_FLUSHES]++;
	if (this_cpu->space != space || tlb_model_leaves_out("flush-space"))
		return;
	if (space->tagged)
		invpcid_all();
	else
		write_cr3(read_cr3());
}

/* Flushes what `changed` entries of a range that lost something may have left, given that the first ones were
 * flushed singly. */
static void flush_rest(struct space *space, unsigned changed)
{
	if (changed > FLUSH_PAGES_MAX)
		space_flush_all(space);
}

static void flush_changed(struct space *space, uint64_t address, unsigned changed)
{
	if (changed <= FLUSH_PAGES_MAX)
		space_flush_page(space, address);
}

void space_discard(struct space *space, uint64_t start, uint64_t end)
{
	unsigned changed = 0;
	uint64_t *entry;

	for (; (entry = pagetable_next(space->pml4, &start, end)); start += PAGE_SIZE) {
		uint64_t old = *entry;

		*entry = 0;
		if (old & PTE_P)
			flush_changed(space, start, ++changed);
		frame_put(old & PTE_ADDRESS);
	}
	flush_rest(space, changed);
}

/* Removes all mappings in [start, end), which may have holes. */
static long remove_range(struct space *space, uint64_t start, uint64_t end)
{
	struct mapping *mapping = mapping_first(space, start);
	uint64_t floor, ceiling;
	long error;

	if (!mapping || mapping->start >= end)
		return 0;
	error = mapping_isolate(space, start, end);
	if (error)
		return error;
	mapping = mapping_first(space, start);
	floor = mapping->link.prev == &space->mappings
	                ? 0
	                : list_entry(mapping->link.prev, struct mapping, link)->end;
	while (mapping && mapping->start < end) {
		struct mapping *next = mapping_next(mapping);

		mapping_remove(mapping);
		mapping = next;
	}
	ceiling = mapping ? mapping->start : APPLICATION_END;
	space_discard(space, start, end);
	/* Tables that served only this range and the holes around it go too: INVLPG drops what the CPU cached
	 * of them. */
	pagetable_free_hole(space->pml4, start, end, floor, ceiling);
	domain_space_changed(space);
	space_flush_page(space, start);
	return 0;
}

bool is_application_range(uint64_t address, uint64_t length)
{
	if (address >= USER_BASE && address <= APPLICATION_END && length <= APPLICATION_END - address)
		return true;
	return option_holds("weaken", "slots") && length <= LOWER_HALF_END &&
	       address <= LOWER_HALF_END - length;
}

/* Where a new mapping goes; checks the range. Room is made for MAP_FIXED. */
static long place(struct space *space, uint64_t address, uint64_t length, unsigned flags)
{
	if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
		if (address & ~PAGE_MASK)
			return -EINVAL;
		if (address > LOWER_HALF_END - length)
			return -ENOMEM;
		if (!is_application_range(address, length))
			return -EPERM;
		if (flags & MAP_FIXED_NOREPLACE) {
			if (!mapping_is_free(space, address, address + length))
				return -EEXIST;
		} else {
			long error = remove_range(space, address, address + length);

			if (error)
				return error;
		}
		return (long)address;
	}
	address &= PAGE_MASK;
	if (address && is_application_range(address, length) &&
	    mapping_is_free(space, address, address + length))
		return (long)address;
	address = mapping_find_gap(space, length);
	return address ? (long)address : -ENOMEM;
}

bool space_may_grow(const struct space *space, uint64_t length)
{
	return length <= space->size_limit && space->mapped <= space->size_limit - length;
}

/* The bytes of [start, end) that are mapped. */
static uint64_t mapped_in(struct space *space, uint64_t start, uint64_t end)
{
	struct mapping *mapping = mapping_first(space, start);
	uint64_t sum = 0;

	for (; mapping && mapping->start < end; mapping = mapping_next(mapping))
		sum += MIN(mapping->end, end) - MAX(mapping->start, start);
	return sum;
}

/* What a guard has seen must stay: memory that others can write is never executable. */
static bool is_refused(const struct space *space, bool shared, unsigned prot)
{
	return space->guard && shared && (prot & PROT_EXEC);
}

long space_map(struct space *space, uint64_t address, uint64_t length, unsigned prot, unsigned flags,
               struct memobj *object, uint64_t offset, struct inode *inode)
{
	struct mapping model = {
	        .prot = prot,
	        .shared = flags & MAP_SHARED,
	        .never_writable = flags & MAP_OBJECT_READ_ONLY,
	        .grows_down = flags & MAP_GROWSDOWN,
	        .object = object,
	        .offset = offset,
	        .inode = inode,
	};
	struct memobj *own = NULL;
	long error;

	if (length == 0 || (offset & ~PAGE_MASK))
		return -EINVAL;
	if (length > APPLICATION_END)
		return -ENOMEM;
	if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
		return -EPERM;
	if (is_refused(space, model.shared, prot))
		return -EACCES;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (!space_may_grow(space, length) &&
	    !(flags & MAP_FIXED &&
	      space_may_grow(space, length - mapped_in(space, address, address + length))))
		return -ENOMEM;
	if (model.shared && !object) {
		own = model.object = memobj_create(space->account);
		if (!own)
			return -ENOMEM;
		model.offset = 0;
	}
	error = place(space, address, length, flags);
	if (error > 0) {
		model.start = (uint64_t)error;
		model.end = model.start + length;
		error = mapping_insert(space, &model);
	}
	if (own)
		memobj_put(own);
	return error < 0 ? error : (long)model.start;
}

long space_unmap(struct space *space, uint64_t address, uint64_t length)
{
	if ((address & ~PAGE_MASK) || length == 0 || length > APPLICATION_END)
		return -EINVAL;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (!is_application_range(address, length))
		return address < USER_BASE && length <= USER_BASE - address ? 0 : -EINVAL;
	return remove_range(space, address, address + length);
}

/* The entry for a page that was mapped as `old` when its mapping's protection becomes `prot`. */
static uint64_t protected_entry(const struct mapping *mapping, uint64_t old, unsigned prot)
{
	uint64_t entry = old & ~(PTE_P | PTE_HELD | PTE_W | PTE_NX | PTE_GUARDED);

	entry |= prot ? PTE_P : PTE_HELD;
	/* A private page may be common with other spaces: the next write finds out. */
	if ((prot & PROT_WRITE) && mapping->shared)
		entry |= PTE_W;
	if (!(prot & PROT_EXEC) || mapping->space->guard)
		entry |= PTE_NX;
	return entry;
}

static void protect_pages(struct space *space, const struct mapping *mapping, unsigned prot)
{
	uint64_t address = mapping->start, *entry;
	unsigned changed = 0;

	for (; (entry = pagetable_next(space->pml4, &address, mapping->end)); address += PAGE_SIZE) {
		uint64_t old = *entry;

		*entry = protected_entry(mapping, old, prot);
		if (old & PTE_P)
			flush_changed(space, address, ++changed);
	}
	flush_rest(space, changed);
}

long space_protect(struct space *space, uint64_t address, uint64_t length, unsigned prot)
{
	uint64_t end, at = address;
	struct mapping *mapping;
	long error;

	if (address & ~PAGE_MASK)
		return -EINVAL;
	if (length == 0)
		return 0;
	length = ALIGN_UP(length, PAGE_SIZE);
	if (!is_application_range(address, length) || length == 0)
		return -ENOMEM;
	if ((prot & PROT_WRITE) && (prot & PROT_EXEC))
		return -EPERM;
	end = address + length;
	error = mapping_isolate(space, address, end);
	if (error)
		return error;
	/* What lies before a hole, or before a mapping that refuses, is changed all the same: as in Linux. */
	for (mapping = mapping_first(space, address); at < end; mapping = mapping_next(mapping)) {
		if (!mapping || mapping->start > at) {
			error = -ENOMEM;
			break;
		}
		if (((prot & PROT_WRITE) && mapping->never_writable) ||
		    is_refused(space, mapping->shared, prot)) {
			error = -EACCES;
			break;
		}
		if (mapping->prot != prot) {
			protect_pages(space, mapping, prot);
			mapping->prot = prot;
		}
		at = mapping->end;
	}
	mapping_merge(space, address, end);
	return error;
}

/* Gives `child` the pages of one mapping of `parent`. *unshared: an entry of the parent lost its right to
 * write. */
static bool fork_pages(struct space *child, struct space *parent, const struct mapping *mapping,
                       bool *unshared)
{
	uint64_t address = mapping->start, *from, *to = NULL, *table = NULL;

	for (; (from = pagetable_next(parent->pml4, &address, mapping->end)); address += PAGE_SIZE) {
		uint64_t *from_table = (uint64_t *)((uint64_t)from & PAGE_MASK);

		/* The tables of both spaces have one shape, so one walk serves all pages of a table. */
		if (from_table != table) {
			to = pagetable_create(child->pml4, address, child->account);
			if (!to)
				return false;
			table = from_table;
			to -= from - from_table;
		}
		if (!mapping->shared && (*from & PTE_W)) {
			*from &= ~PTE_W;
			*unshared = true;
		}
		to[from - from_table] = *from | (child->guard ? PTE_NX : 0);
		frame_get(*from & PTE_ADDRESS);
	}
	return true;
}

struct space *space_fork(struct space *parent)
{
	struct space *child = space_create(parent->account);
	bool complete = true, unshared = false;

	if (!child)
		return NULL;
	child->guard = parent->guard;
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->size_limit = parent->size_limit;
	child->stack_limit = parent->stack_limit;
	list_for_each (node, &parent->mappings) {
		const struct mapping *mapping = list_entry(node, struct mapping, link);

		complete =
		        mapping_append(child, mapping) == 0 && fork_pages(child, parent, mapping, &unshared);
		if (!complete)
			break;
	}
	if (unshared)
		space_flush_all(parent);
	if (!complete) {
		space_put(child);
		return NULL;
	}
	return child;
}

void space_truncate_object(struct memobj *object, uint64_t size)
{
	uint64_t kept = ALIGN_UP(size, PAGE_SIZE);

	list_for_each (node, memobj_mappings(object)) {
		struct mapping *mapping = list_entry(node, struct mapping, object_link);
		uint64_t skipped = kept > mapping->offset ? kept - mapping->offset : 0;

		if (skipped < mapping->end - mapping->start)
			space_discard(mapping->space, mapping->start + skipped, mapping->end);
	}
}

long space_map_kernel_page(struct space *space, uint64_t address, paddr_t frame, bool executable)
{
	uint64_t *entry;

	if ((address & ~PAGE_MASK) || address < KERNEL_WINDOW || address >= DOMAIN_BASE)
		return -EINVAL;
	entry = pagetable_create(space->pml4, address, space->account);
	if (!entry)
		return -ENOMEM;
	if (*entry) {
		frame_put(*entry & PTE_ADDRESS);
		space_flush_page(space, address);
	}
	frame_get(frame);
	*entry = frame | PTE_P | PTE_U | (executable ? 0 : PTE_NX);
	return 0;
}
