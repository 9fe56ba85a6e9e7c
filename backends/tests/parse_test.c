/* The trusted parser: it accepts what the rule makes, and refuses each way to spoil it with its own sentence.
 */
#include <string.h>

#include "check.h"
#include "image/elf64.h"
#include "image/image.h"
#include "read_file.h"

static uint8_t *image, *spoilt;
static size_t image_size;
static struct image_plan good; /* of the unspoilt image */

static struct elf_header *header(void)
{
	return (struct elf_header *)spoilt;
}

/* The program header number `skip` of this type. */
static struct elf_segment *segment(uint32_t type, unsigned skip)
{
	struct elf_segment *segments = (struct elf_segment *)(spoilt + header()->segment_offset);

	for (unsigned i = 0; i < header()->segment_count; i++)
		if (segments[i].type == type && skip-- == 0)
			return &segments[i];
	abort();
}

static struct elf_dynamic *dynamic(uint64_t tag)
{
	struct elf_dynamic *entry = (struct elf_dynamic *)(spoilt + segment(SEGMENT_DYNAMIC, 0)->offset);

	while (entry->tag != tag)
		entry++;
	return entry;
}

static struct elf_rela *relocation(void)
{
	return (struct elf_rela *)(spoilt + good.relocations);
}

static struct portcullis_image *descriptor(void)
{
	return (struct portcullis_image *)(spoilt + good.descriptor_offset);
}

/* Spoils one thing with the statements in `...`, and looks for the sentence. */
#define REFUSES(sentence, ...)                                                                               \
	do {                                                                                                 \
		struct image_plan plan;                                                                      \
		const char *error;                                                                           \
		memcpy(spoilt, image, image_size);                                                           \
		__VA_ARGS__;                                                                                 \
		error = image_parse(spoilt, image_size, &plan);                                              \
		check(error &&strcmp(error, sentence) == 0, "parser refuses: " #__VA_ARGS__, "%s",           \
		      error ? error : "accepted");                                                           \
	} while (0)

static void test_header(void)
{
	struct image_plan plan;

	check(image_parse(image, 63, &plan) != NULL && image_parse(image, 0, &plan) != NULL,
	      "parser refuses a short file", "accepted");
	REFUSES("the image is not an ELF file", header()->magic ^= 1);
	REFUSES("the image is not for x86-64", header()->class = 1);
	REFUSES("the image is not for x86-64", header()->machine = 3);
	REFUSES("the image is not a shared object", header()->type = 2);
	REFUSES("the image's program headers have an unknown size", header()->segment_size = 57);
	REFUSES("the image's program headers lie outside the file",
	        header()->segment_offset = image_size - 1);
	REFUSES("the image's program headers lie outside the file",
	        header()->segment_offset = UINT64_MAX - 8);
	REFUSES("the image's program headers lie outside the file", header()->segment_count = UINT16_MAX);
}

static void test_segments(void)
{
	REFUSES("a segment of the image is writable and executable",
	        segment(SEGMENT_LOAD, 1)->flags |= SEGMENT_W);
	REFUSES("a segment of the image is not readable", segment(SEGMENT_LOAD, 1)->flags = SEGMENT_X);
	REFUSES("a segment of the image lies outside the file",
	        segment(SEGMENT_LOAD, 1)->file_size = image_size);
	REFUSES("a segment of the image lies outside the file",
	        segment(SEGMENT_LOAD, 1)->offset = UINT64_MAX - 4095);
	REFUSES("a segment of the image is larger in the file than in memory",
	        segment(SEGMENT_LOAD, 1)->memory_size = 1);
	REFUSES("a segment of the image is larger in the file than in memory",
	        segment(SEGMENT_LOAD, 1)->memory_size = 0);
	REFUSES("the image is larger than 1008 MiB",
	        segment(SEGMENT_LOAD, 3)->memory_size = PORTCULLIS_IMAGE_MAX);
	REFUSES("the image is larger than 1008 MiB", segment(SEGMENT_LOAD, 3)->address = UINT64_MAX - 4095);
	REFUSES("the image is larger than 1008 MiB", segment(SEGMENT_LOAD, 3)->memory_size = UINT64_MAX);
	REFUSES("two segments of the image share a page or are out of order",
	        segment(SEGMENT_LOAD, 1)->address = 0xff8);
	REFUSES("two segments of the image share a page or are out of order",
	        segment(SEGMENT_LOAD, 0)->memory_size = 4097);
	REFUSES("the image asks for an interpreter", segment(SEGMENT_STACK, 0)->type = SEGMENT_INTERP);
	REFUSES("the image uses thread-local storage", segment(SEGMENT_STACK, 0)->type = SEGMENT_TLS);
	REFUSES("the image asks for an executable stack", segment(SEGMENT_STACK, 0)->flags |= SEGMENT_X);
	REFUSES("the image has two dynamic segments", segment(SEGMENT_STACK, 0)->type = SEGMENT_DYNAMIC);
	REFUSES("the image has no dynamic segment", segment(SEGMENT_DYNAMIC, 0)->type = 0);
}

static void test_dynamic(void)
{
	REFUSES("the image's dynamic segment lies outside its other segments",
	        segment(SEGMENT_DYNAMIC, 0)->address = 1 << 20);
	REFUSES("the image needs another shared object", dynamic(DYNAMIC_RELAENT)->tag = DYNAMIC_NEEDED);
	REFUSES("the image has constructors or destructors, which nobody would call",
	        dynamic(DYNAMIC_RELAENT)->tag = DYNAMIC_INIT_ARRAY);
	REFUSES("the image has relocations other than RELATIVE ones",
	        dynamic(DYNAMIC_RELAENT)->tag = DYNAMIC_JMPREL);
	REFUSES("the image has relocations other than RELATIVE ones",
	        dynamic(DYNAMIC_RELAENT)->tag = DYNAMIC_RELR);
	REFUSES("the image's relocation table has a wrong size", dynamic(DYNAMIC_RELAENT)->value = 16);
	REFUSES("the image's relocation table has a wrong size", dynamic(DYNAMIC_RELASZ)->value -= 1);
	REFUSES("the image's relocation table lies outside its read-only data",
	        dynamic(DYNAMIC_RELASZ)->value = 24 << 20);
	REFUSES("the image's relocation table lies outside its read-only data",
	        dynamic(DYNAMIC_RELA)->value = UINT64_MAX - 23);
	REFUSES("the image's relocation table lies outside its read-only data",
	        dynamic(DYNAMIC_RELA)->value = segment(SEGMENT_DYNAMIC, 0)->address;
	        dynamic(DYNAMIC_RELASZ)->value = 24);
	REFUSES("the image has relocations other than RELATIVE ones", relocation()->info = 6);
	REFUSES("the image has relocations other than RELATIVE ones", relocation()->info |= 1ul << 32);
	REFUSES("a relocation of the image changes something outside its writable data",
	        relocation()->offset = 0x1000);
	REFUSES("a relocation of the image changes something outside its writable data",
	        relocation()->offset = UINT64_MAX - 3);
	REFUSES("a relocation of the image changes something outside its writable data",
	        relocation()->offset =
	                segment(SEGMENT_LOAD, 3)->address + segment(SEGMENT_LOAD, 3)->memory_size - 7);
	REFUSES("a relocation of the image leads outside the image",
	        relocation()->addend = good.memory_size + 1);
	REFUSES("a relocation of the image leads outside the image", relocation()->addend = UINT64_MAX);
}

static void test_descriptor(void)
{
	REFUSES("the image's descriptor lies outside its read-only data",
	        header()->entry = good.segments[1].address);
	REFUSES("the image's descriptor lies outside its read-only data",
	        header()->entry = good.segments[3].address);
	REFUSES("the image's descriptor lies outside its read-only data", header()->entry = UINT64_MAX - 7);
	REFUSES("the image has no descriptor", descriptor()->magic++);
	REFUSES("the image's descriptor has another version", descriptor()->version++);
	REFUSES("the image has no entry points or more than 1024", descriptor()->entry_count = 0);
	REFUSES("the image has no entry points or more than 1024", descriptor()->entry_count = 1025);
	REFUSES("the image's descriptor has a wrong size", descriptor()->entry_count = 1024);
	REFUSES("the image's descriptor has a wrong size", descriptor()->size = UINT32_MAX);
	REFUSES("the image's descriptor has a wrong size", descriptor()->size = 0);
	REFUSES("the image has no valid name", descriptor()->name[0] = 0);
	REFUSES("the image has no valid name", descriptor()->name[1] = '/');
	REFUSES("the image has no valid name", memset(descriptor()->name, 'x', PORTCULLIS_IMAGE_NAME_SIZE));
	REFUSES("the image's manifest says nothing valid on sharing", descriptor()->share = 4);
	REFUSES("the image's manifest says nothing valid on sharing", descriptor()->share_user_count = 9);
	REFUSES("the image's heap limit is not a number of pages up to 63 GiB", descriptor()->heap_limit++);
	REFUSES("the image's heap limit is not a number of pages up to 63 GiB",
	        descriptor()->heap_limit = PORTCULLIS_HEAP_MAX + 4096);
	REFUSES("the image's stack size is not a number of pages from 1 to 511",
	        descriptor()->stack_size = 0);
	REFUSES("the image's stack size is not a number of pages from 1 to 511",
	        descriptor()->stack_size = PORTCULLIS_STACK_STRIDE);
	REFUSES("the image's init or teardown function lies outside its code", descriptor()->init = 8);
	REFUSES("the image's init or teardown function lies outside its code",
	        descriptor()->teardown = INT64_MIN);
	REFUSES("the image's argument copy lies outside its code",
	        descriptor()->copy_start = descriptor()->copy_end);
	REFUSES("the image's argument copy lies outside its code", descriptor()->copy_end = 0);
	REFUSES("the image's argument copy lies outside its code", descriptor()->copy_end = INT64_MAX);
	REFUSES("the image's argument copy lies outside its code", descriptor()->copy_fixup = 16);
	REFUSES("an entry point of the image lies outside its code", descriptor()->entries[1].function = 0);
	REFUSES("an entry point of the image lies outside its code",
	        descriptor()->entries[1].function = INT64_MAX);
	REFUSES("an entry point of the image takes more than 6 arguments",
	        descriptor()->entries[0].argument_count = 7);
	REFUSES("an entry point of the image has unknown flags", descriptor()->entries[0].flags = 2);
	REFUSES("an entry point of the image has no valid name", descriptor()->entries[0].name = 0);
	REFUSES("an entry point of the image has no valid name",
	        descriptor()->entries[0].name = descriptor()->size);
	REFUSES("an entry point of the image has no valid name", descriptor()->entries[0].name = UINT32_MAX);
	REFUSES("an entry point of the image has no valid name",
	        ((char *)descriptor())[descriptor()->size - 1] = 'x');
}

/* The file ends with the descriptor, in a copy of its segment, and the last name has no end: nothing is
 * behind to find one. */
static void test_unended_name(void)
{
	const struct image_segment *from = &good.segments[2];
	size_t length = good.descriptor_address - from->address + good.descriptor.size;
	uint8_t *bytes = malloc(image_size + length);
	struct elf_segment *moved = (struct elf_segment *)(bytes + sizeof(struct elf_header)) + 2;
	struct image_plan plan;
	const char *error;

	memcpy(bytes, image, image_size);
	memcpy(bytes + image_size, image + from->file_offset, length);
	moved->offset = image_size;
	moved->file_size = length;
	error = image_parse(bytes, image_size + length, &plan);
	check(!error, "parser accepts a descriptor at the end of the file", "%s", error);
	bytes[image_size + length - 1] = 'x';
	error = image_parse(bytes, image_size + length, &plan);
	check(error && strcmp(error, "an entry point of the image has no valid name") == 0,
	      "parser looks for the end of a name inside the descriptor", "%s", error ? error : "accepted");
	free(bytes);
}

/* Of the probe library, whose exports file says all of this. */
static void test_good(void)
{
	const struct portcullis_image *manifest = &good.descriptor;
	struct image_entry first = image_entry(&good, 0),
	                   last = image_entry(&good, manifest->entry_count - 1);

	check(strcmp(manifest->name, "probe") == 0 && manifest->entry_count == 14,
	      "parser finds name and entry count", "%s, %u", manifest->name, manifest->entry_count);
	check(strcmp(first.name, "probe_six") == 0 && first.argument_count == 6 && first.flags == 0 &&
	              strcmp(last.name, "probe_half") == 0 && last.flags == PORTCULLIS_ENTRY_VECTOR,
	      "parser finds the entry points", "%s, %s", first.name, last.name);
	check(manifest->heap_limit == 1 << 20 && manifest->stack_size == 16 << 10 &&
	              manifest->share == PORTCULLIS_SHARE_USERS && manifest->share_user_count == 2 &&
	              manifest->share_users[0] == 0 && manifest->share_users[1] == 1000,
	      "parser finds the manifest", "something else");
	check(good.segment_count == 4 && good.relocation_count > 0 && good.init && good.teardown,
	      "parser finds segments, relocations, init and teardown", "%u segments, %llu relocations",
	      good.segment_count, (unsigned long long)good.relocation_count);
}

int main(int argc, char **argv)
{
	const char *error;

	image = read_file(argc > 1 ? argv[1] : "build/images/probe.image", &image_size);
	spoilt = malloc(image_size);
	error = image_parse(image, image_size, &good);
	if (!check(!error, "parser accepts what the rule makes", "%s", error))
		return check_status();
	test_good();
	test_header();
	test_segments();
	test_dynamic();
	test_descriptor();
	test_unended_name();
	free(image);
	free(spoilt);
	return check_status();
}
