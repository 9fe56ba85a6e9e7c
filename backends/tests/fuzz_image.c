/*
 * Mutates a valid image a million times and more, and holds the parser to its promises; the sanitizers hold
 * it to its bounds. Arguments: image, seed, number of mutants.
 *
 * Most mutants are made in place and undone. One in eight is cut and moved to a block of its exact size, so
 * that a read behind the end is seen.
 */
#include <string.h>

#include "check.h"
#include "image/elf64.h"
#include "image/image.h"
#include "read_file.h"

#define MUTATIONS_MAX 6

static uint8_t *image;
static size_t image_size;
static struct image_plan good;
static unsigned long accepted;

struct undo {
	size_t offset;
	uint64_t old;
};

/* The parser reads these parts alone; elsewhere a mutation would be wasted. */
static size_t random_offset(uint64_t *state)
{
	const struct elf_header *header = (const struct elf_header *)image;
	size_t start = 0, size = image_size;

	switch (test_random_below(state, 16)) {
	case 0:
		break;
	case 1 ... 2:
		size = sizeof(*header);
		break;
	case 3 ... 7:
		start = sizeof(*header);
		size = 6 * sizeof(struct elf_segment);
		break;
	case 8 ... 9:
		start = good.segments[good.segment_count - 1]
		                .file_offset; /* the dynamic table is somewhere in the data */
		size = good.segments[good.segment_count - 1].file_size;
		break;
	case 10 ... 11:
		start = good.relocations;
		size = good.relocation_count * sizeof(struct elf_rela);
		break;
	default:
		start = good.descriptor_offset;
		size = good.descriptor.size;
	}
	if (test_random_below(state, 4))
		start +=
		        test_random_below(state, size / 8) * 8; /* most fields start at a multiple of eight */
	else
		start += test_random_below(state, size);
	return start < image_size - 8 ? start : image_size - 8;
}

static uint64_t random_value(uint64_t *state, uint64_t old)
{
	static const uint64_t interesting[] = {0,
	                                       1,
	                                       7,
	                                       8,
	                                       24,
	                                       4095,
	                                       4096,
	                                       0x7fffffff,
	                                       0xffffffff,
	                                       PORTCULLIS_IMAGE_MAX,
	                                       PORTCULLIS_HEAP_MAX,
	                                       1ul << 63,
	                                       UINT64_MAX,
	                                       UINT64_MAX - 7,
	                                       UINT64_MAX - 4095};

	switch (test_random_below(state, 6)) {
	case 0:
		return test_random(state);
	case 1:
		return interesting[test_random_below(state, sizeof(interesting) / sizeof(interesting[0]))];
	case 2:
		return old + test_random_below(state, 64) - 32;
	case 3:
		return old ^ 1ul << test_random_below(state, 64);
	case 4:
		return test_random_below(state, 2 * image_size);
	default: /* one byte, or half of a word */
		return test_random_below(state, 2) ? (old & ~0xfful) | test_random_below(state, 256)
		                                   : (old & ~0xfffffffful) | (uint32_t)test_random(state);
	}
}

static void mutate(uint64_t *state, struct undo *undo)
{
	uint64_t value;

	undo->offset = random_offset(state);
	memcpy(&undo->old, image + undo->offset, 8);
	value = random_value(state, undo->old);
	memcpy(image + undo->offset, &value, 8);
}

/* Is [address, address + size) in one segment with these rights, and none with more? */
static bool held(const struct image_plan *plan, uint64_t address, uint64_t size, unsigned rights)
{
	for (unsigned i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];

		if (segment->rights == (rights | IMAGE_READ) && address >= segment->address &&
		    (unsigned __int128)address + size <=
		            (unsigned __int128)segment->address + segment->memory_size)
			return true;
	}
	return false;
}

static const char *segments_broken(const struct image_plan *plan)
{
	uint64_t free_page = 0;

	if (plan->segment_count > IMAGE_SEGMENTS_MAX || plan->memory_size > PORTCULLIS_IMAGE_MAX ||
	    plan->memory_size % 4096)
		return "a size is out of bounds";
	for (unsigned i = 0; i < plan->segment_count; i++) {
		const struct image_segment *segment = &plan->segments[i];
		uint64_t end = segment->address + segment->memory_size;

		if (segment->address < free_page || end <= segment->address || end > plan->memory_size)
			return "segments overlap or are out of bounds";
		free_page = (end + 4095) / 4096 * 4096;
		if ((unsigned __int128)segment->file_offset + segment->file_size > plan->size ||
		    segment->file_size > segment->memory_size)
			return "a segment is not in the file";
		if (!(segment->rights & IMAGE_READ) ||
		    (segment->rights & (IMAGE_WRITE | IMAGE_EXECUTE)) == (IMAGE_WRITE | IMAGE_EXECUTE))
			return "a segment has bad rights";
	}
	return NULL;
}

/* What a loader relies on in an accepted image; NULL: it holds. */
static const char *broken(const struct image_plan *plan)
{
	const struct portcullis_image *manifest = &plan->descriptor;
	const char *problem = segments_broken(plan);

	for (uint64_t i = 0; i < plan->relocation_count && !problem; i++) {
		struct image_relocation relocation = image_relocation(plan, i);

		if (!held(plan, relocation.target, 8, IMAGE_WRITE) || relocation.value > plan->memory_size)
			problem = "a relocation is out of bounds";
	}
	for (unsigned i = 0; i < manifest->entry_count && !problem; i++) {
		struct image_entry entry = image_entry(plan, i);

		if (!held(plan, entry.function, 1, IMAGE_EXECUTE) || entry.argument_count > 6 ||
		    strlen(entry.name) == 0)
			problem = "an entry point is out of bounds";
	}
	if (problem)
		return problem;
	if (manifest->entry_count == 0 || manifest->entry_count > PORTCULLIS_ENTRIES_MAX ||
	    strnlen(manifest->name, sizeof(manifest->name)) == sizeof(manifest->name) ||
	    strchr(manifest->name, '/') || manifest->heap_limit > PORTCULLIS_HEAP_MAX ||
	    manifest->heap_limit % 4096 || manifest->stack_size == 0 ||
	    manifest->stack_size > PORTCULLIS_STACK_MAX || manifest->stack_size % 4096 ||
	    manifest->share_user_count > 8)
		return "the manifest is out of bounds";
	if ((plan->init && !held(plan, plan->init, 1, IMAGE_EXECUTE)) ||
	    (plan->teardown && !held(plan, plan->teardown, 1, IMAGE_EXECUTE)) ||
	    !held(plan, plan->copy_start, plan->copy_end - plan->copy_start, IMAGE_EXECUTE) ||
	    !held(plan, plan->copy_fixup, 1, IMAGE_EXECUTE) ||
	    !held(plan, plan->descriptor_address, manifest->size, 0))
		return "a function or the descriptor is out of bounds";
	return NULL;
}

static const char *parse(const uint8_t *bytes, size_t size)
{
	struct image_plan plan;

	if (image_parse(bytes, size, &plan))
		return NULL;
	accepted++;
	return broken(&plan);
}

static const char *parse_cut(uint64_t *state)
{
	size_t size = image_size - test_random_below(state, test_random_below(state, 4) ? 4096 : image_size);
	uint8_t *copy = malloc(size ? size : 1);
	const char *problem;

	memcpy(copy, image, size);
	problem = parse(copy, size);
	free(copy);
	return problem;
}

int main(int argc, char **argv)
{
	uint64_t seed = test_seed(argc - 1, argv + 1), state = seed;
	unsigned long mutants = argc > 3 ? strtoul(argv[3], NULL, 0) : 1500000, made = 0;
	const char *problem = NULL;

	image = read_file(argc > 1 ? argv[1] : "build/images/probe.image", &image_size);
	problem = image_parse(image, image_size, &good);
	if (problem) {
		fprintf(stderr, "fuzz_image: the image to start from is refused: %s\n", problem);
		return 1;
	}
	for (; made < mutants && !problem; made++) {
		struct undo undo[MUTATIONS_MAX];
		unsigned count = (unsigned)(1 + test_random_below(&state, MUTATIONS_MAX) /
		                                        (1 + test_random_below(&state, 3)));

		if (count > MUTATIONS_MAX)
			count = MUTATIONS_MAX;
		for (unsigned i = 0; i < count; i++)
			mutate(&state, &undo[i]);
		problem = made % 8 == 7 ? parse_cut(&state) : parse(image, image_size);
		while (count--)
			memcpy(image + undo[count].offset, &undo[count].old, 8);
	}
	printf("# %lu mutants, %lu accepted\n", made, accepted);
	check(!problem, "parser keeps its promises on mutated images", "mutant %lu: %s", made, problem);
	check(accepted > made / 100 && accepted < made, "fuzzer makes good and bad images", "%lu accepted",
	      accepted);
	free(image);
	return check_status();
}
