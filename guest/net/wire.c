#include "net/wire.h"

#include "domain/build.h"
#include "lib/errno.h"
#include "mm/pagetable.h"
#include "portcullis/wire.h"
#include "proc/process.h"

static struct wire {
	uint64_t name;
	size_t size;               /* of each region; 0: there is no such wire */
	struct domain *domains[2]; /* by end; NULL: not there */
	bool used_up;              /* an end is gone, or there was no memory for it */
} wires[PORTCULLIS_WIRES];

static uint64_t *entry_of(const struct domain *domain, uint64_t region, uint64_t offset)
{
	return pagetable_create(domain->pml4, domain->base + region + offset, domain->account);
}

/* Zeroes in the domain's own region. 0 or -ENOMEM. */
static long make_region(struct domain *domain, size_t size)
{
	for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE) {
		uint64_t address = domain->base + PORTCULLIS_WIRE_OFFSET + offset;
		uint64_t *entry = entry_of(domain, PORTCULLIS_WIRE_OFFSET, offset);
		paddr_t frame;

		frame = entry ? frame_alloc_zeroed(domain->account) : 0;
		if (!frame)
			return -ENOMEM;
		*entry = frame | PTE_P | PTE_W | PTE_NX | domain->page_bits | PTE_WIRE;
		if (domain_own(domain, address, *entry & ~PTE_WIRE))
			return -ENOMEM;
	}
	return 0;
}

/* The first word of the domain's own region, which exists. */
static void tell(struct domain *domain, uint32_t state)
{
	domain_write(domain, PORTCULLIS_WIRE_OFFSET, &state, sizeof(state));
}

/* Lets the domain read the region of the other end. 0 or -ENOMEM. */
static long show_region(struct domain *domain, const struct domain *other, size_t size)
{
	for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE) {
		uint64_t address = domain->base + PORTCULLIS_WIRE_PEER_OFFSET + offset;
		uint64_t *entry = entry_of(domain, PORTCULLIS_WIRE_PEER_OFFSET, offset);
		paddr_t frame = *entry_of(other, PORTCULLIS_WIRE_OFFSET, offset) & PTE_ADDRESS;

		if (!entry)
			return -ENOMEM;
		frame_get(frame);
		*entry = frame | PTE_P | PTE_NX | domain->page_bits | PTE_WIRE;
		if (domain_own(domain, address, *entry))
			return -ENOMEM;
	}
	return 0;
}

/* The wire of that name, or a new one. NULL: there are too many. */
static struct wire *find(uint64_t name)
{
	struct wire *unused = NULL;

	for (struct wire *wire = wires; wire < wires + PORTCULLIS_WIRES; wire++) {
		if (!wire->size)
			unused = wire;
		else if (wire->name == name)
			return wire;
	}
	if (unused)
		*unused = (struct wire){.name = name};
	return unused;
}

static bool has_wire(const struct domain *domain)
{
	for (const struct wire *wire = wires; wire < wires + PORTCULLIS_WIRES; wire++)
		if (wire->domains[0] == domain || wire->domains[1] == domain)
			return true;
	return false;
}

long sys_wire_map(uint64_t address, size_t size, uint64_t name, unsigned end)
{
	struct attachment *attachment = domain_at(current_process()->space, address);
	struct domain *domain, *other;
	struct wire *wire;
	long error;

	if (!attachment || !domain_allows(address, 1))
		return -EPERM;
	domain = attachment->domain;
	if (address != domain->base + PORTCULLIS_WIRE_OFFSET || size % PAGE_SIZE || !size ||
	    size > PORTCULLIS_WIRE_MAX || end > 1)
		return -EINVAL;
	wire = find(name);
	if (!wire)
		return -ENOSPC;
	other = wire->domains[!end];
	if (wire->used_up || wire->domains[end] || has_wire(domain))
		return -EBUSY;
	if (other && other->image_inode != domain->image_inode)
		return -EPERM;
	if (other && wire->size != size)
		return -EINVAL;
	error = make_region(domain, size);
	if (!error && other)
		error = show_region(domain, other, size);
	if (!error && other)
		error = show_region(other, domain, size);
	wire->domains[end] = domain;
	wire->size = size;
	wire->used_up = error;
	if (!error && other) {
		tell(domain, PORTCULLIS_WIRE_UP);
		tell(other, PORTCULLIS_WIRE_UP);
	}
	return error;
}

/* Both regions now belong to this domain alone. */
static void keep(struct domain *domain)
{
	uint64_t address = domain->base + PORTCULLIS_WIRE_OFFSET, *entry;
	uint64_t end = domain->base + PORTCULLIS_WIRE_PEER_OFFSET + PORTCULLIS_WIRE_MAX;

	for (; (entry = pagetable_next(domain->pml4, &address, end)); address += PAGE_SIZE)
		domain_own(domain, address, *entry & ~PTE_WIRE); /* needs no memory the second time */
	tell(domain, PORTCULLIS_WIRE_GONE);
}

void wire_release(struct domain *domain)
{
	for (struct wire *wire = wires; wire < wires + PORTCULLIS_WIRES; wire++) {
		for (unsigned end = 0; end < 2; end++) {
			struct domain *other = wire->domains[!end];

			if (wire->domains[end] != domain)
				continue;
			wire->domains[end] = NULL;
			wire->used_up = true;
			if (!other)
				wire->size = 0;
			else if (*entry_of(other, PORTCULLIS_WIRE_PEER_OFFSET, 0))
				keep(other);
		}
	}
}
