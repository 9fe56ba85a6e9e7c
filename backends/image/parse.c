#include "image/image.h"

#include <stdbool.h>

#include "image/elf64.h"

/* From the kernel's library (guest/lib/lib.h), or the host's <string.h>. */
void *memcpy(void *to, const void *from, size_t size);

#define PAGE_MASK (~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1))

/* The checks run in this order; each relies on those before. */
static const char *parse_header(struct image_plan *plan, struct elf_header *header);
static const char *parse_segments(struct image_plan *plan, const struct elf_header *header,
                                  struct elf_segment *dynamic);
static const char *parse_dynamic(struct image_plan *plan, const struct elf_segment *dynamic);
static const char *parse_relocations(const struct image_plan *plan);
static const char *parse_descriptor(struct image_plan *plan, uint64_t address);
static const char *parse_entries(const struct image_plan *plan);

/* Is [offset, offset + length) inside [0, size)? No overflow for any values. */
static bool within(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* Reads from the file; the caller has checked the bounds. The bytes may have any alignment. */
static void fetch(void *to, const struct image_plan *plan, uint64_t offset, size_t length)
{
	memcpy(to, plan->bytes + offset, length);
}

/* The segment with all of `rights` that holds [address, address + length), in the part that the file fills if
 * `in_file`. */
static const struct image_segment *segment_of(const struct image_plan *plan, uint64_t address,
                                              uint64_t length, unsigned rights, bool in_file)
{
	for (unsigned i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uint64_t size = in_file ? segment->file_size : segment->memory_size;

		if (address >= segment->address && within(address - segment->address, length, size) &&
		    (segment->rights & rights) == rights)
			return segment;
	}
	return NULL;
}

const char *image_parse(const void *bytes, size_t size, struct image_plan *plan)
{
	struct elf_header header;
	struct elf_segment dynamic;
	const char *error;

	*plan = (struct image_plan){.bytes = bytes, .size = size};
	error = parse_header(plan, &header);
	if (!error)
		error = parse_segments(plan, &header, &dynamic);
	if (!error)
		error = parse_dynamic(plan, &dynamic);
	if (!error)
		error = parse_relocations(plan);
	if (!error)
		error = parse_descriptor(plan, header.entry);
	if (!error)
		error = parse_entries(plan);
	return error;
}

static const char *parse_header(struct image_plan *plan, struct elf_header *header)
{
	if (plan->size < sizeof(*header))
		return "the image is shorter than an ELF header";
	fetch(header, plan, 0, sizeof(*header));
	if (header->magic != ELF_MAGIC)
		return "the image is not an ELF file";
	if (header->class != ELF_CLASS_64 || header->data != ELF_DATA_LITTLE ||
	    header->ident_version != ELF_VERSION || header->machine != ELF_MACHINE_X86_64)
		return "the image is not for x86-64";
	if (header->type != ELF_TYPE_DYN)
		return "the image is not a shared object";
	if (header->segment_size != sizeof(struct elf_segment))
		return "the image's program headers have an unknown size";
	if (!within(header->segment_offset, (uint64_t)header->segment_count * sizeof(struct elf_segment),
	            plan->size))
		return "the image's program headers lie outside the file";
	return NULL;
}

static const char *parse_load(struct image_plan *plan, const struct elf_segment *load)
{
	struct image_segment *segment = &plan->segments[plan->segment_count];

	if (load->memory_size == 0)
		return load->file_size ? "a segment of the image is larger in the file than in memory" : NULL;
	if (plan->segment_count == IMAGE_SEGMENTS_MAX)
		return "the image has more than 8 segments";
	if (!(load->flags & SEGMENT_R))
		return "a segment of the image is not readable";
	if ((load->flags & SEGMENT_W) && (load->flags & SEGMENT_X))
		return "a segment of the image is writable and executable";
	if (!within(load->offset, load->file_size, plan->size))
		return "a segment of the image lies outside the file";
	if (load->file_size > load->memory_size)
		return "a segment of the image is larger in the file than in memory";
	if (!within(load->address, load->memory_size, PORTCULLIS_IMAGE_MAX))
		return "the image is larger than 1008 MiB";
	/* memory_size so far is the first free page: ascending order and one segment a page in one compare.
	 */
	if (load->address < plan->memory_size)
		return "two segments of the image share a page or are out of order";

	segment->address = load->address;
	segment->memory_size = load->memory_size;
	segment->file_offset = load->offset;
	segment->file_size = load->file_size;
	segment->rights = IMAGE_READ | (load->flags & SEGMENT_W ? IMAGE_WRITE : 0) |
	                  (load->flags & SEGMENT_X ? IMAGE_EXECUTE : 0);
	plan->segment_count++;
	plan->memory_size = (load->address + load->memory_size + PORTCULLIS_PAGE_SIZE - 1) & PAGE_MASK;
	return NULL;
}

static const char *parse_segments(struct image_plan *plan, const struct elf_header *header,
                                  struct elf_segment *dynamic)
{
	const char *error = NULL;

	*dynamic = (struct elf_segment){0};
	for (unsigned i = 0; i < header->segment_count && !error; i++) {
		struct elf_segment segment;

		fetch(&segment, plan, header->segment_offset + i * sizeof(segment), sizeof(segment));
		switch (segment.type) {
		case SEGMENT_LOAD:
			error = parse_load(plan, &segment);
			break;
		case SEGMENT_DYNAMIC:
			if (dynamic->type)
				error = "the image has two dynamic segments";
			*dynamic = segment;
			break;
		case SEGMENT_INTERP:
			error = "the image asks for an interpreter";
			break;
		case SEGMENT_TLS:
			error = "the image uses thread-local storage";
			break;
		case SEGMENT_UNWIND:
			plan->unwind = segment.address;
			break;
		case SEGMENT_STACK:
			if (segment.flags & SEGMENT_X)
				error = "the image asks for an executable stack";
			break;
		}
	}
	if (!error && !dynamic->type)
		error = "the image has no dynamic segment";
	return error;
}

static const char *parse_dynamic(struct image_plan *plan, const struct elf_segment *dynamic)
{
	const struct image_segment *segment = segment_of(plan, dynamic->address, dynamic->file_size, 0, true);
	uint64_t table = 0, table_size = 0, entry_size = 0, offset;

	if (!segment)
		return "the image's dynamic segment lies outside its other segments";
	offset = segment->file_offset + (dynamic->address - segment->address);
	for (uint64_t i = 0; i < dynamic->file_size / sizeof(struct elf_dynamic); i++) {
		struct elf_dynamic entry;

		fetch(&entry, plan, offset + i * sizeof(entry), sizeof(entry));
		if (entry.tag == DYNAMIC_NULL)
			break;
		switch (entry.tag) {
		case DYNAMIC_NEEDED:
			return "the image needs another shared object";
		case DYNAMIC_RELA:
			table = entry.value;
			break;
		case DYNAMIC_RELASZ:
			table_size = entry.value;
			break;
		case DYNAMIC_RELAENT:
			entry_size = entry.value;
			break;
		case DYNAMIC_PLTRELSZ:
		case DYNAMIC_REL:
		case DYNAMIC_JMPREL:
		case DYNAMIC_RELR:
		case DYNAMIC_TEXTREL:
			return "the image has relocations other than RELATIVE ones";
		case DYNAMIC_INIT:
		case DYNAMIC_FINI:
		case DYNAMIC_INIT_ARRAY:
		case DYNAMIC_FINI_ARRAY:
		case DYNAMIC_PREINIT_ARRAY:
			return "the image has constructors or destructors, which nobody would call";
		}
	}
	if (table_size == 0)
		return NULL;
	if (entry_size != sizeof(struct elf_rela) || table_size % sizeof(struct elf_rela))
		return "the image's relocation table has a wrong size";
	segment = segment_of(plan, table, table_size, 0, true);
	if (!segment || segment->rights & IMAGE_WRITE)
		return "the image's relocation table lies outside its read-only data";
	plan->relocations = segment->file_offset + (table - segment->address);
	plan->relocation_count = table_size / sizeof(struct elf_rela);
	return NULL;
}

static const char *parse_relocations(const struct image_plan *plan)
{
	for (uint64_t i = 0; i < plan->relocation_count; i++) {
		struct elf_rela rela;

		fetch(&rela, plan, plan->relocations + i * sizeof(rela), sizeof(rela));
		if (rela.info != RELOCATION_RELATIVE)
			return "the image has relocations other than RELATIVE ones";
		if (!segment_of(plan, rela.offset, sizeof(uint64_t), IMAGE_WRITE, false))
			return "a relocation of the image changes something outside its writable data";
		if (rela.addend > plan->memory_size)
			return "a relocation of the image leads outside the image";
	}
	return NULL;
}

struct image_relocation image_relocation(const struct image_plan *plan, uint64_t index)
{
	struct elf_rela rela;

	fetch(&rela, plan, plan->relocations + index * sizeof(rela), sizeof(rela));
	return (struct image_relocation){.target = rela.offset, .value = rela.addend};
}

/* The address at a distance from the descriptor, which wraps to something that no segment holds when it is
 * wild. */
static uint64_t at(const struct image_plan *plan, int64_t distance)
{
	return plan->descriptor_address + (uint64_t)distance;
}

static bool is_code(const struct image_plan *plan, uint64_t address)
{
	return segment_of(plan, address, 1, IMAGE_EXECUTE, true);
}

/* An optional function: *address becomes 0 when there is none. */
static bool parse_function(const struct image_plan *plan, int64_t distance, uint64_t *address)
{
	*address = distance ? at(plan, distance) : 0;
	return !distance || is_code(plan, *address);
}

static bool is_library_name(const char name[PORTCULLIS_IMAGE_NAME_SIZE])
{
	unsigned length = 0;

	while (length < PORTCULLIS_IMAGE_NAME_SIZE && name[length] > ' ' && name[length] < 0x7f &&
	       name[length] != '/')
		length++;
	return length > 0 && length < PORTCULLIS_IMAGE_NAME_SIZE && name[length] == 0;
}

static const char *parse_descriptor(struct image_plan *plan, uint64_t address)
{
	struct portcullis_image *image = &plan->descriptor;
	const struct image_segment *segment = segment_of(plan, address, sizeof(*image), 0, true);

	if (!segment || segment->rights & (IMAGE_WRITE | IMAGE_EXECUTE))
		return "the image's descriptor lies outside its read-only data";
	plan->descriptor_address = address;
	plan->descriptor_offset = segment->file_offset + (address - segment->address);
	fetch(image, plan, plan->descriptor_offset, sizeof(*image));

	if (image->magic != PORTCULLIS_IMAGE_MAGIC)
		return "the image has no descriptor";
	if (image->version != PORTCULLIS_IMAGE_VERSION)
		return "the image's descriptor has another version";
	if (image->entry_count == 0 || image->entry_count > PORTCULLIS_ENTRIES_MAX)
		return "the image has no entry points or more than 1024";
	if (image->size < sizeof(*image) + image->entry_count * sizeof(struct portcullis_entry) ||
	    !within(address - segment->address, image->size, segment->file_size))
		return "the image's descriptor has a wrong size";
	if (!is_library_name(image->name))
		return "the image has no valid name";
	if (image->share > PORTCULLIS_SHARE_USERS || image->share_user_count > PORTCULLIS_SHARE_USERS_MAX)
		return "the image's manifest says nothing valid on sharing";
	if (image->heap_limit > PORTCULLIS_HEAP_MAX || image->heap_limit & ~PAGE_MASK)
		return "the image's heap limit is not a number of pages up to 63 GiB";
	if (image->stack_size == 0 || image->stack_size > PORTCULLIS_STACK_MAX ||
	    image->stack_size & ~PAGE_MASK)
		return "the image's stack size is not a number of pages from 1 to 511";
	if (!parse_function(plan, image->init, &plan->init) ||
	    !parse_function(plan, image->teardown, &plan->teardown))
		return "the image's init or teardown function lies outside its code";
	plan->copy_start = at(plan, image->copy_start);
	plan->copy_end = at(plan, image->copy_end);
	plan->copy_fixup = at(plan, image->copy_fixup);
	if (plan->copy_end <= plan->copy_start || !is_code(plan, plan->copy_fixup) ||
	    !segment_of(plan, plan->copy_start, plan->copy_end - plan->copy_start, IMAGE_EXECUTE, true))
		return "the image's argument copy lies outside its code";
	return NULL;
}

static struct portcullis_entry fetch_entry(const struct image_plan *plan, unsigned index)
{
	struct portcullis_entry entry;

	fetch(&entry, plan, plan->descriptor_offset + sizeof(struct portcullis_image) + index * sizeof(entry),
	      sizeof(entry));
	return entry;
}

/* Names are not empty and end inside the descriptor, behind the table. */
static bool is_entry_name(const struct image_plan *plan, uint32_t distance)
{
	const struct portcullis_image *image = &plan->descriptor;
	const uint8_t *descriptor = plan->bytes + plan->descriptor_offset;

	if (distance < sizeof(*image) + image->entry_count * sizeof(struct portcullis_entry) ||
	    distance >= image->size || descriptor[distance] == 0)
		return false;
	while (distance < image->size && descriptor[distance] != 0)
		distance++;
	return distance < image->size;
}

static const char *parse_entries(const struct image_plan *plan)
{
	for (unsigned i = 0; i < plan->descriptor.entry_count; i++) {
		struct portcullis_entry entry = fetch_entry(plan, i);

		if (!is_code(plan, at(plan, entry.function)))
			return "an entry point of the image lies outside its code";
		if (entry.argument_count > PORTCULLIS_ARGUMENTS_MAX)
			return "an entry point of the image takes more than 6 arguments";
		if (entry.flags & ~PORTCULLIS_ENTRY_VECTOR)
			return "an entry point of the image has unknown flags";
		if (!is_entry_name(plan, entry.name))
			return "an entry point of the image has no valid name";
	}
	return NULL;
}

struct image_entry image_entry(const struct image_plan *plan, unsigned index)
{
	struct portcullis_entry entry = fetch_entry(plan, index);

	return (struct image_entry){
	        .function = at(plan, entry.function),
	        .argument_count = entry.argument_count,
	        .flags = entry.flags,
	        .name = (const char *)plan->bytes + plan->descriptor_offset + entry.name,
	};
}
