/* Page faults: pages are brought in, copied, or refused. */
#include "fs/file.h"
#include "mm/mapping.h"
#include "mm/pagetable.h"

static uint64_t entry_for(const struct mapping *mapping, paddr_t frame, bool writable)
{
	return frame | PTE_P | PTE_U | (writable ? PTE_W : 0) | (mapping->prot & PROT_EXEC && !mapping->space->guard ? 0 : PTE_NX);
}

/* Extends the stack above `address` down to it, when there is one near enough. */
static struct mapping *grow_stack(struct space *space, uint64_t address)
{
	struct mapping *mapping = mapping_first(space, address);
	uint64_t start = address & PAGE_MASK, floor = USER_BASE;

	if (!mapping || !mapping->grows_down || mapping->end - start > space->stack_limit)
		return NULL;
	if (mapping->link.prev != &space->mappings)
		floor = list_entry(mapping->link.prev, struct mapping, link)->end + STACK_GUARD;
	if (start < floor)
		return NULL;
	mapping_extend_down(mapping, start);
	return mapping;
}

static bool allows(const struct mapping *mapping, uint64_t error)
{
	if (error & FAULT_PK)
		return false;
	if (error & FAULT_W)
		return mapping->prot & PROT_WRITE;
	if (error & FAULT_I)
		return mapping->prot & PROT_EXEC;
	return mapping->prot != 0;
}

/* A frame of the space's own with the contents of `source`; 0: out of memory. */
static paddr_t copy_frame(struct space *space, paddr_t source)
{
	paddr_t frame = frame_alloc(space->account);

	if (frame)
		memcpy(phys_to_virt(frame), phys_to_virt(source), PAGE_SIZE);
	return frame;
}

/* Fills an entry that is empty. False: out of memory. */
static bool bring_in(struct space *space, const struct mapping *mapping, uint64_t page, uint64_t *entry,
                     bool write)
{
	bool writable = mapping->prot & PROT_WRITE;
	paddr_t frame;

	if (!mapping->object) {
		frame = frame_alloc_zeroed(space->account);
	} else {
		uint64_t index = (page - mapping->start + mapping->offset) >> PAGE_SHIFT;

		/* A write to a hole of a private mapping needs no page in the object. */
		frame = memobj_page(mapping->object, index, mapping->shared || !write);
		if (!mapping->shared && write) {
			frame = frame ? copy_frame(space, frame) : frame_alloc_zeroed(space->account);
		} else if (frame) {
			frame_get(frame);
			writable = writable && mapping->shared;
		}
	}
	if (!frame)
		return false;
	*entry = entry_for(mapping, frame, writable);
	return true;
}

/* Lets a write through to a page that is mapped without the right. False: out of memory. */
static bool make_writable(struct space *space, const struct mapping *mapping, uint64_t page, uint64_t *entry)
{
	paddr_t old = *entry & PTE_ADDRESS, frame;

	/* A frame with one reference is no file's, nor another space's. */
	if (mapping->shared || frame_references(old) == 1) {
		*entry |= PTE_W;
		return true;
	}
	frame = copy_frame(space, old);
	if (!frame)
		return false;
	*entry = entry_for(mapping, frame, true);
	space_flush_page(space, page);
	frame_put(old);
	return true;
}

/* Replaces a file's own page, which others may write, by a copy. False: out of memory. */
static bool make_private(struct space *space, const struct mapping *mapping, uint64_t page, uint64_t *entry)
{
	uint64_t index = (page - mapping->start + mapping->offset) >> PAGE_SHIFT;
	paddr_t old = *entry & PTE_ADDRESS, frame;

	if (!mapping->object || memobj_page(mapping->object, index, false) != old)
		return true;
	frame = copy_frame(space, old);
	if (!frame)
		return false;
	*entry = entry_for(mapping, frame, false);
	space_flush_page(space, page);
	frame_put(old);
	return true;
}

enum fault_result space_fault(struct space *space, uint64_t address, uint64_t error)
{
	struct mapping *mapping = space_find(space, address);
	uint64_t page = address & PAGE_MASK, *entry;
	bool write = error & FAULT_W, resolved = true;

	kassert(!(error & FAULT_RSVD));
	if (!mapping) {
		mapping = error & FAULT_P ? NULL : grow_stack(space, address);
		if (!mapping)
			return error & FAULT_P ? FAULT_PROTECTION : FAULT_NOT_MAPPED;
	}
	if (!allows(mapping, error))
		return FAULT_PROTECTION;
	if (mapping->inode &&
	    page - mapping->start + mapping->offset >= ALIGN_UP(mapping->inode->size, PAGE_SIZE))
		return FAULT_BEYOND_FILE;

	entry = pagetable_create(space->pml4, page, space->account);
	if (!entry)
		resolved = false;
	else if (!*entry)
		resolved = bring_in(space, mapping, page, entry, write);
	else if (write && !(*entry & PTE_W))
		resolved = make_writable(space, mapping, page, entry);
	else
		space_flush_page(space, page); /* the entry is right: the CPU used an old one */
	if (resolved && error & FAULT_I && space->guard) {
		resolved = make_private(space, mapping, page, entry);
		if (resolved)
			space->guard->fetch(space, page, entry);
	}
	if (!resolved) {
		if (space->account)
			space->account->exceeded = true;
		return FAULT_NO_MEMORY;
	}
	return FAULT_RESOLVED;
}
