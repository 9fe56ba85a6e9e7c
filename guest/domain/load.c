/* From image to pages. The kernel writes a domain's pages through its own mapping of physical memory. */
#include "domain/backend.h"
#include "domain/build.h"
#include "fs/file.h"
#include "image/image.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "plan/run.h"
#include "proc/clock.h"
#include "proc/process.h"

#define IMAGE_FILE_MAX (4UL << 20) /* what kmalloc gives in one piece */
#define BUDGET_NS      10000000UL  /* of one call, where neither run nor library says */

/* The page of the domain at `offset`, made if it is missing. 0: out of memory. */
static paddr_t page_at(struct domain *domain, uint64_t offset, uint64_t bits)
{
	uint64_t *entry = pagetable_create(domain->pml4, domain->base + offset, domain->account);
	paddr_t frame;

	if (!entry)
		return 0;
	if (*entry)
		return *entry & PTE_ADDRESS;
	frame = frame_alloc_zeroed(domain->account);
	if (!frame)
		return 0;
	*entry = frame | PTE_P | domain->page_bits | bits;
	return domain_own(domain, domain->base + offset, *entry) ? 0 : frame;
}

static long write_pages(struct domain *domain, uint64_t offset, const void *from, size_t size, uint64_t bits)
{
	const char *bytes = from;

	while (size) {
		uint64_t in_page = offset & ~PAGE_MASK;
		size_t part = MIN(size, PAGE_SIZE - in_page);
		paddr_t frame = page_at(domain, offset & PAGE_MASK, bits);
		uint64_t opened;

		if (!frame)
			return -ENOMEM;
		opened = domain_open(domain);
		memcpy((char *)phys_to_virt(frame) + in_page, bytes, part);
		domain_close(domain, opened);
		bytes += part;
		offset += part;
		size -= part;
	}
	return 0;
}

/* Pages that do not exist yet become read-only data for the domain: the gate data. */
long domain_write(struct domain *domain, uint64_t offset, const void *from, size_t size)
{
	return write_pages(domain, offset, from, size, PTE_NX);
}

long domain_write_code(struct domain *domain, uint64_t offset, const void *from, size_t size)
{
	return write_pages(domain, offset, from, size, 0);
}

long domain_write_stack(struct domain *domain, uint64_t offset, uint64_t value)
{
	return write_pages(domain, offset, &value, sizeof(value), PTE_W | PTE_NX);
}

static uint64_t rights_bits(unsigned rights)
{
	return (rights & IMAGE_WRITE ? PTE_W : 0) | (rights & IMAGE_EXECUTE ? 0 : PTE_NX);
}

static long load_segment(struct domain *domain, const struct image_plan *plan,
                         const struct image_segment *segment)
{
	uint64_t start = PORTCULLIS_IMAGE_OFFSET + segment->address, end = start + segment->memory_size;
	uint64_t bits = rights_bits(segment->rights);

	for (uint64_t page = start & PAGE_MASK; page < end; page += PAGE_SIZE)
		if (!page_at(domain, page, bits))
			return -ENOMEM;
	return write_pages(domain, start, plan->bytes + segment->file_offset, segment->file_size, bits);
}

static long load_plan(struct domain *domain, const struct image_plan *plan)
{
	uint64_t image = domain->base + PORTCULLIS_IMAGE_OFFSET;

	for (unsigned i = 0; i < plan->segment_count; i++) {
		long error = load_segment(domain, plan, &plan->segments[i]);

		if (error)
			return error;
	}
	for (uint64_t i = 0; i < plan->relocation_count; i++) {
		struct image_relocation relocation = image_relocation(plan, i);
		uint64_t value = image + relocation.value;
		long error = domain_write(domain, PORTCULLIS_IMAGE_OFFSET + relocation.target, &value,
		                          sizeof(value));

		if (error)
			return error;
	}
	return 0;
}

static uint64_t absolute(const struct domain *domain, uint64_t address)
{
	return address ? domain->base + PORTCULLIS_IMAGE_OFFSET + address : 0;
}

/* The run's word counts more than the library's. */
static uint64_t budget_of(const struct portcullis_image *descriptor)
{
	uint64_t budget = current_process()->run->line->budget;

	return budget ? budget : ns_to_ticks(descriptor->budget ? descriptor->budget : BUDGET_NS);
}

/* Everything about the image that is used after its bytes are gone. */
static long remember(struct domain *domain, const struct image_plan *plan)
{
	domain->descriptor = plan->descriptor;
	domain->image_size = plan->memory_size;
	domain->init = absolute(domain, plan->init);
	domain->teardown = absolute(domain, plan->teardown);
	domain->copy_start = absolute(domain, plan->copy_start);
	domain->copy_end = absolute(domain, plan->copy_end);
	domain->copy_fixup = absolute(domain, plan->copy_fixup);
	domain->unwind = absolute(domain, plan->unwind);
	domain->budget = budget_of(&plan->descriptor);
	domain->functions = kmalloc(MAX(plan->descriptor.entry_count, 4U) * sizeof(uint64_t));
	if (!domain->functions)
		return -ENOMEM;
	for (unsigned i = 0; i < plan->descriptor.entry_count; i++)
		domain->functions[i] = absolute(domain, image_entry(plan, i).function);
	return 0;
}

long domain_write_entries(struct domain *domain)
{
	return domain_write(domain, PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_BACKEND,
	                    domain->functions, domain->descriptor.entry_count * sizeof(uint64_t));
}

static long write_gate_data(struct domain *domain)
{
	const struct {
		uint32_t magic, entry_count;
		uint64_t heap_limit;
	} head = {PORTCULLIS_GATE_DATA_MAGIC, domain->descriptor.entry_count, domain->descriptor.heap_limit};
	long error = domain_write(domain, PORTCULLIS_GATE_DATA_OFFSET, &head, sizeof(head));

	return error ? error : domain_write_entries(domain);
}

static long load_bytes(struct domain *domain, const void *bytes, size_t size)
{
	struct image_plan *plan = kmalloc(sizeof(*plan));
	const char *reason;
	long error;

	if (!plan)
		return -ENOMEM;
	reason = image_parse(bytes, size, plan);
	current_thread()->attach_reason = reason;
	error = reason ? -ENOEXEC : load_plan(domain, plan);
	if (!error)
		error = remember(domain, plan);
	if (!error)
		error = write_gate_data(domain);
	kfree(plan);
	return error;
}

long domain_load_image(struct domain *domain)
{
	size_t size = domain->image_inode->size;
	void *bytes;
	long error;

	if (size > IMAGE_FILE_MAX) {
		current_thread()->attach_reason = "the file is larger than an image may be";
		return -ENOEXEC;
	}
	bytes = kmalloc(MAX(size, 1UL));
	if (!bytes)
		return -ENOMEM;
	size = inode_read(domain->image_inode, 0, bytes, size);
	error = load_bytes(domain, bytes, size);
	kfree(bytes);
	return error;
}

/* A page of the image that nobody can write is shared with the original, any other copied: gates may change.
 */
static long copy_page(struct domain *domain, uint64_t address, uint64_t original)
{
	uint64_t *entry = pagetable_create(domain->pml4, address, domain->account);
	paddr_t frame = original & PTE_ADDRESS;

	if (!entry)
		return -ENOMEM;
	if (original & PTE_WIRE)
		return 0;
	if (original & PTE_W || address - domain->base < PORTCULLIS_IMAGE_OFFSET || domain->backend->own) {
		uint64_t opened;

		frame = frame_alloc(domain->account);
		if (!frame)
			return -ENOMEM;
		opened = domain_open(domain);
		memcpy(phys_to_virt(frame), phys_to_virt(original & PTE_ADDRESS), PAGE_SIZE);
		domain_close(domain, opened);
	} else {
		frame_get(frame);
	}
	*entry = frame | (original & ~PTE_ADDRESS); /* the key, if there is one, is the same */
	return domain_own(domain, address, *entry);
}

static long copy_pages(struct domain *domain, const struct domain *original, uint64_t start, uint64_t end)
{
	uint64_t address = original->base + start, *entry;

	for (; (entry = pagetable_next(original->pml4, &address, original->base + end));
	     address += PAGE_SIZE) {
		long error = copy_page(domain, address, *entry);

		if (error)
			return error;
	}
	return 0;
}

long domain_copy_contents(struct domain *domain, const struct domain *original)
{
	/* All but the clients and threads in the gate data: they are another process's. */
	static const struct {
		uint64_t start, end;
	} copied[] = {
	        {PORTCULLIS_GATE_OFFSET, PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS},
	        {PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_BACKEND,
	         PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_SIZE},
	        {PORTCULLIS_IMAGE_OFFSET, PML4_SLOT_SIZE},
	};
	size_t functions = original->descriptor.entry_count * sizeof(uint64_t);
	long error = 0;

	domain->descriptor = original->descriptor;
	domain->image_size = original->image_size;
	domain->init = original->init;
	domain->teardown = original->teardown;
	domain->copy_start = original->copy_start;
	domain->copy_end = original->copy_end;
	domain->copy_fixup = original->copy_fixup;
	domain->unwind = original->unwind;
	domain->budget = original->budget;
	domain->failure = original->failure;
	domain->exit_address = original->exit_address;
	domain->return_thunk = original->return_thunk;
	domain->ready = original->ready;
	memcpy(domain->calls, original->calls, sizeof(domain->calls));
	domain->functions = kmalloc(MAX(functions, 32UL));
	if (!domain->functions)
		return -ENOMEM;
	memcpy(domain->functions, original->functions, functions);
	for (unsigned i = 0; !error && i < ARRAY_SIZE(copied); i++)
		error = copy_pages(domain, original, copied[i].start, copied[i].end);
	return error;
}

/* ---- gates ------------------------------------------------------------------------------------------------
 */

#define RETURN_OFFSET                                                                                        \
	(PORTCULLIS_GATE_SIZE - PAGE_SIZE) /* of the return thunk: a page of the library's own */
#define THUNKS_OFFSET 0x1000               /* of the thunks in the gate area */
#define THUNK_SIZE    16
#define OPCODE_MOVE   0xb8 /* imm32 to EAX */
#define OPCODE_JUMP   0xe9 /* rel32 */

uint64_t gate_thunk(const struct domain *domain, unsigned index)
{
	return domain->base + THUNKS_OFFSET + (uint64_t)index * THUNK_SIZE;
}

static long write_gate_pages(struct domain *domain, uint64_t offset, uint64_t page_bits, const void *from,
                             size_t size)
{
	uint64_t bits = domain->page_bits;
	long error;

	domain->page_bits = page_bits;
	error = write_pages(domain, PORTCULLIS_GATE_OFFSET + offset, from, size, 0);
	domain->page_bits = bits;
	return error;
}

extern const char return_thunk_start[], return_thunk_end[];

long domain_write_return_thunk(struct domain *domain)
{
	domain->return_thunk = domain->base + RETURN_OFFSET;
	return domain_write_code(domain, RETURN_OFFSET, return_thunk_start,
	                         (size_t)(return_thunk_end - return_thunk_start));
}

long domain_write_gate(struct domain *domain, uint64_t place, uint64_t bits, const char *start,
                       const char *end, unsigned count)
{
	long error = write_gate_pages(domain, place, bits, start, (size_t)(end - start));

	kassert(end - start <= THUNKS_OFFSET);
	for (unsigned i = 0; !error && i < count; i++) {
		uint64_t offset = THUNKS_OFFSET + (uint64_t)i * THUNK_SIZE;
		int32_t distance = -(int32_t)(offset + 10);
		uint8_t thunk[10] = {OPCODE_MOVE};

		memcpy(thunk + 1, &i, sizeof(i));
		thunk[5] = OPCODE_JUMP;
		memcpy(thunk + 6, &distance, sizeof(distance));
		error = write_gate_pages(domain, place + offset, bits, thunk, sizeof(thunk));
	}
	return error;
}
