/* The mapping list against a model with one entry a page. */
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/mapping.h"
#include "tests/unit/unit.h"

#define MEMORY (16UL << 20)
#define PAGES  64
#define BASE   0x100000UL
#define STEPS  50000

static struct space space;
static struct memobj *objects[2];

/* What the model says of a page. */
static struct page {
	bool mapped;
	unsigned prot;
	struct memobj *object;
	uint64_t offset;
} pages[PAGES];

/* mapping.c counts references of inodes; these tests map none. */
void inode_get(struct inode *inode)
{
	(void)inode;
}

void inode_put(struct inode *inode)
{
	(void)inode;
}

static void start(void)
{
	static bool added;

	if (!added) {
		unit_memory(MEMORY);
		frame_add_range(1UL << 20, MEMORY);
		added = true;
	}
	space = (struct space){0};
	list_init(&space.mappings);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
		objects[i] = memobj_create(NULL);
	memset(pages, 0, sizeof(pages));
}

static uint64_t address_of(uint64_t page)
{
	return BASE + page * PAGE_SIZE;
}

static void remove_all(uint64_t from, uint64_t to)
{
	CHECK(mapping_isolate(&space, address_of(from), address_of(to)) == 0);
	for (struct mapping *mapping = mapping_first(&space, address_of(from)), *next;
	     mapping && mapping->start < address_of(to); mapping = next) {
		next = mapping_next(mapping);
		mapping_remove(mapping);
	}
	for (uint64_t page = from; page < to; page++)
		pages[page].mapped = false;
}

static void insert(uint64_t from, uint64_t to)
{
	uint64_t choice = unit_random_below(3);
	struct mapping model = {
	        .start = address_of(from),
	        .end = address_of(to),
	        .prot = (unsigned)unit_random_below(2),
	        .object = choice < 2 ? objects[choice] : NULL,
	        /* often what makes neighbours of one object one mapping */
	        .offset = choice < 2 ? (from + unit_random_below(2)) * PAGE_SIZE : 0,
	};

	CHECK(mapping_insert(&space, &model) == 0);
	for (uint64_t page = from; page < to; page++)
		pages[page] = (struct page){true, model.prot, model.object,
		                            model.object ? model.offset + (page - from) * PAGE_SIZE : 0};
}

static void protect(uint64_t from, uint64_t to)
{
	unsigned prot = (unsigned)unit_random_below(2);

	CHECK(mapping_isolate(&space, address_of(from), address_of(to)) == 0);
	for (struct mapping *mapping = mapping_first(&space, address_of(from));
	     mapping && mapping->start < address_of(to); mapping = mapping_next(mapping))
		mapping->prot = prot;
	mapping_merge(&space, address_of(from), address_of(to));
	for (uint64_t page = from; page < to; page++)
		pages[page].prot = prot;
}

/* Two neighbouring pages that belong to one mapping when nothing is split without need. */
static bool belong_together(const struct page *low, const struct page *high)
{
	return low->mapped && high->mapped && low->prot == high->prot && low->object == high->object &&
	       (!low->object || low->offset + PAGE_SIZE == high->offset);
}

/* The list says what the model says, in as few mappings as can be. */
static void check_list(void)
{
	uint64_t mapped = 0, count = 0, borders = 0, previous = 0;

	list_for_each (node, &space.mappings) {
		const struct mapping *mapping = list_entry(node, struct mapping, link);

		CHECK(mapping->start >= previous && mapping->start < mapping->end &&
		      mapping->space == &space);
		previous = mapping->end;
		count++;
	}
	CHECK(count == space.mapping_count);
	for (uint64_t page = 0; page < PAGES; page++) {
		const struct mapping *mapping = space_find(&space, address_of(page) + 5);

		CHECK(pages[page].mapped == (mapping != NULL));
		if (!mapping)
			continue;
		mapped += PAGE_SIZE;
		borders += page == 0 || !belong_together(&pages[page - 1], &pages[page]);
		CHECK(mapping->prot == pages[page].prot && mapping->object == pages[page].object);
		CHECK(!mapping->object ||
		      mapping->offset + (address_of(page) - mapping->start) == pages[page].offset);
	}
	CHECK(mapped == space.mapped);
	CHECK(count == borders);
}

static bool model_covers(uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (!pages[from].mapped)
			return false;
	return true;
}

static bool model_is_free(uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (pages[from].mapped)
			return false;
	return true;
}

static void random_operations(void)
{
	start();
	for (unsigned step = 0; step < STEPS; step++) {
		uint64_t from = unit_random_below(PAGES), to = from + 1 + unit_random_below(PAGES - from);

		CHECK(mapping_covers(&space, address_of(from), address_of(to)) == model_covers(from, to));
		CHECK(mapping_is_free(&space, address_of(from), address_of(to)) == model_is_free(from, to));
		switch (unit_random_below(3)) {
		case 0:
			remove_all(from, to);
			insert(from, to);
			break;
		case 1:
			remove_all(from, to);
			break;
		default:
			protect(from, to);
		}
		check_list();
	}
	remove_all(0, PAGES);
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		CHECK(list_empty(memobj_mappings(objects[i])));
		memobj_put(objects[i]);
	}
}

static void gaps(void)
{
	struct mapping model = {.start = MMAP_TOP - 16 * PAGE_SIZE, .end = MMAP_TOP - 8 * PAGE_SIZE};

	start();
	CHECK(mapping_find_gap(&space, PAGE_SIZE) == MMAP_TOP - PAGE_SIZE);
	CHECK(mapping_find_gap(&space, MMAP_TOP - USER_BASE) == USER_BASE);
	CHECK(mapping_find_gap(&space, MMAP_TOP) == 0);
	CHECK(mapping_insert(&space, &model) == 0);
	CHECK(mapping_find_gap(&space, 8 * PAGE_SIZE) == MMAP_TOP - 8 * PAGE_SIZE);
	CHECK(mapping_find_gap(&space, 9 * PAGE_SIZE) == MMAP_TOP - 25 * PAGE_SIZE);
	space_find(&space, model.start)->grows_down = true;
	CHECK(mapping_find_gap(&space, 9 * PAGE_SIZE) == MMAP_TOP - 25 * PAGE_SIZE - STACK_GUARD);
	mapping_remove(space_find(&space, model.start));
	model = (struct mapping){.start = MMAP_TOP + PAGE_SIZE, .end = APPLICATION_END};
	CHECK(mapping_insert(&space, &model) == 0);
	CHECK(mapping_find_gap(&space, PAGE_SIZE) == MMAP_TOP - PAGE_SIZE);
}

static void too_many(void)
{
	struct mapping model = {.start = BASE, .end = BASE + 2 * PAGE_SIZE};

	start();
	CHECK(mapping_insert(&space, &model) == 0);
	space.mapping_count = MAPPINGS_MAX;
	CHECK(mapping_isolate(&space, BASE + PAGE_SIZE, BASE + 2 * PAGE_SIZE) == -ENOMEM);
	CHECK(mapping_covers(&space, BASE, BASE + 2 * PAGE_SIZE));
	CHECK(space_find(&space, BASE)->end == BASE + 2 * PAGE_SIZE);
}

UNIT_MAIN(UNIT_CASE("mappings split and merge as a model by pages says", random_operations),
          UNIT_CASE("the highest gap is found, with the guard below a stack", gaps),
          UNIT_CASE("a split that has no room fails and loses nothing", too_many))
