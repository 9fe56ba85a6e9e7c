/* Page tables against a list of pages. */
#include "mm/pagetable.h"
#include "tests/unit/unit.h"

#define MEMORY (32UL << 20)
#define PAGES  400
#define END    (64 * PML4_SLOT_SIZE)

static uint64_t pages[PAGES]; /* sorted addresses of populated entries */
static unsigned page_count;
static struct account account = {.references = 1, .limit = UINT64_MAX};
static paddr_t pml4;

static void start(void)
{
	static bool added;

	if (!added) {
		unit_memory(MEMORY);
		frame_add_range(1UL << 20, MEMORY);
		added = true;
	}
	page_count = 0;
	pml4 = frame_alloc_zeroed(NULL);
}

static uint64_t random_address(void)
{
	/* near others at each level, so that tables are shared */
	return unit_random_below(4) * (LEVEL_SIZE(4) * 21) + unit_random_below(2) * LEVEL_SIZE(3) +
	       unit_random_below(3) * (LEVEL_SIZE(2) * 250) + unit_random_below(TABLE_ENTRIES) * PAGE_SIZE;
}

static void add(uint64_t address)
{
	unsigned at = page_count;
	uint64_t *entry = pagetable_create(pml4, address, &account);

	CHECK(entry && entry == pagetable_entry(pml4, address));
	if (*entry)
		return;
	*entry = frame_alloc(&account) | PTE_P;
	for (; at > 0 && pages[at - 1] > address; at--)
		pages[at] = pages[at - 1];
	pages[at] = address;
	page_count++;
}

static void remove_pages(uint64_t from, uint64_t to)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < page_count; i++)
		if (pages[i] < from || pages[i] >= to)
			pages[kept++] = pages[i];
	page_count = kept;
}

/* pagetable_next() visits exactly the pages of the model that lie in [from, to). */
static void check_visits(uint64_t from, uint64_t to)
{
	uint64_t address = from, *entry;
	unsigned i = 0;

	while (i < page_count && pages[i] < from)
		i++;
	for (; (entry = pagetable_next(pml4, &address, to)); address += PAGE_SIZE, i++) {
		CHECK(i < page_count && pages[i] == address);
		CHECK(entry == pagetable_entry(pml4, address));
	}
	CHECK(i == page_count || pages[i] >= to);
}

/* The frames that the model's pages and the tables above them take. */
static uint64_t expected_frames(void)
{
	uint64_t frames = page_count;

	for (unsigned level = 2; level <= 4; level++)
		for (unsigned i = 0; i < page_count; i++)
			frames += i == 0 ||
			          pages[i] >> LEVEL_SHIFT(level) != pages[i - 1] >> LEVEL_SHIFT(level);
	return frames;
}

static void random_operations(void)
{
	start();
	for (unsigned round = 0; round < 300; round++) {
		uint64_t from = random_address(), to = random_address();

		while (page_count < PAGES / 2)
			add(random_address());
		CHECK(account.frames == expected_frames());
		check_visits(MIN(from, to), MAX(from, to));
		check_visits(0, END);
		/* [from, to) empties, with holes up to the next pages around it */
		from = MIN(from, to) & ~(LEVEL_SIZE(2) - 1);
		to = ALIGN_UP(MAX(from, to), LEVEL_SIZE(2));
		remove_pages(from, to);
		for (unsigned i = 0; i <= page_count; i++) {
			uint64_t low = i == 0 ? 0 : pages[i - 1] + PAGE_SIZE,
			         high = i == page_count ? END : pages[i];

			if (low <= from && high >= to)
				pagetable_free_hole(pml4, from, to, low, high);
		}
		CHECK(account.frames == expected_frames());
		check_visits(0, END);
	}
	pagetable_free(pml4, 0, END);
	CHECK(account.frames == 0);
	for (unsigned i = 0; i < TABLE_ENTRIES; i++)
		CHECK(((uint64_t *)phys_to_virt(pml4))[i] == 0);
	frame_put(pml4);
}

static void large_pages(void)
{
	uint64_t base = 300 * LEVEL_SIZE(4), *entry;

	start();
	/* 4 KiB pages up to 2 MiB, 2 MiB pages up to 1 GiB, then one of 1 GiB and one of 4 KiB */
	pagetable_map_kernel(pml4, base + PAGE_SIZE, PAGE_SIZE, 2 * LEVEL_SIZE(3), PTE_P | PTE_NX, 3);
	entry = pagetable_entry(pml4, base + PAGE_SIZE);
	CHECK(entry && *entry == (PAGE_SIZE | PTE_P | PTE_NX) && entry[-1] == 0);
	CHECK(pagetable_entry(pml4, base + LEVEL_SIZE(2)) == NULL);
	CHECK(pagetable_create(pml4, base + LEVEL_SIZE(2), NULL) == NULL);
	CHECK(pagetable_create(pml4, base + LEVEL_SIZE(3), NULL) == NULL);
	entry = pagetable_entry(pml4, base + 2 * LEVEL_SIZE(3));
	CHECK(entry && *entry == (2 * LEVEL_SIZE(3) | PTE_P | PTE_NX) && entry[1] == 0);
}

UNIT_MAIN(UNIT_CASE("visits meet exactly the populated pages, and empty tables are freed", random_operations),
          UNIT_CASE("kernel mappings take the largest pages that fit", large_pages))
