/* The frame allocator and the heap against a model: who owns which frame. */
#include "mm/frame.h"
#include "mm/heap.h"
#include "tests/unit/unit.h"

#define MEMORY   (24UL << 20)
#define HOLE     (9UL << 20) /* [HOLE, HOLE_END) is never given to the allocator */
#define HOLE_END (10UL << 20)
#define FRAMES   (MEMORY >> PAGE_SHIFT)
#define BLOCKS   2000
#define STEPS    200000

struct block {
	paddr_t address; /* 0: none */
	unsigned order;
	unsigned references;
	struct account *account;
};

static struct block blocks[BLOCKS];
static uint8_t owned[FRAMES];
static struct account accounts[2] = {{.references = 1, .limit = 700}, {.references = 1, .limit = UINT64_MAX}};
static uint64_t used;

/* Ranges cannot be taken back: all cases share what the first one added. */
static void add_memory(void)
{
	static bool added;

	if (added)
		return;
	added = true;
	unit_memory(MEMORY);
	frame_add_range(0x1000, 0x5000); /* too small */
	CHECK(frame_total_count() == 0);
	frame_add_range(1UL << 20, HOLE);
	frame_add_range(HOLE_END, MEMORY);
	CHECK(frame_total_count() > 0 && frame_total_count() == frame_free_count());
}

static void own(const struct block *block, bool owner)
{
	for (uint64_t i = 0; i < 1UL << block->order; i++) {
		uint64_t frame = (block->address >> PAGE_SHIFT) + i, address = frame << PAGE_SHIFT;

		CHECK(address < MEMORY && (address < HOLE || address >= HOLE_END) && address >= 1UL << 20);
		CHECK(frame_is_managed(address));
		CHECK(owned[frame] == !owner);
		owned[frame] = owner;
	}
	used += owner ? 1UL << block->order : -(1UL << block->order);
}

static void allocate(struct block *block)
{
	uint64_t choice = unit_random_below(4);

	*block = (struct block){.references = 1};
	if (choice == 0) {
		block->order = (unsigned)unit_random_below(FRAME_ORDER_MAX + 1);
		block->address = frame_alloc_order(block->order);
	} else {
		block->account = choice == 3 ? NULL : &accounts[choice - 1];
		block->address = frame_alloc(block->account);
		if (!block->address && block->account)
			CHECK(block->account->exceeded);
	}
	if (!block->address)
		return;
	CHECK((block->address & ((PAGE_SIZE << block->order) - 1)) == 0);
	own(block, true);
	*(uint64_t *)phys_to_virt(block->address) = ~0UL;
}

static void release(struct block *block)
{
	if (block->order > 0) {
		frame_free_order(block->address, block->order);
	} else {
		CHECK(frame_references(block->address) == block->references);
		frame_put(block->address);
		if (--block->references > 0)
			return;
	}
	own(block, false);
	block->address = 0;
}

static void check_accounts(void)
{
	uint64_t charged[2] = {0};

	for (size_t i = 0; i < BLOCKS; i++)
		if (blocks[i].address && blocks[i].account)
			charged[blocks[i].account - accounts]++;
	for (size_t i = 0; i < 2; i++) {
		CHECK(accounts[i].frames == charged[i]);
		CHECK(accounts[i].frames <= accounts[i].peak && accounts[i].peak <= accounts[i].limit);
	}
}

static unsigned count_largest(void)
{
	static paddr_t held[MEMORY / (PAGE_SIZE << FRAME_ORDER_MAX)];
	unsigned count = 0;

	while (count < ARRAY_SIZE(held) && (held[count] = frame_alloc_order(FRAME_ORDER_MAX)))
		count++;
	for (unsigned i = 0; i < count; i++)
		frame_free_order(held[i], FRAME_ORDER_MAX);
	return count;
}

static void random_operations(void)
{
	unsigned largest;

	add_memory();
	largest = count_largest();
	CHECK(largest == 4); /* two 4 MiB aligned blocks before the hole and behind: [4M, 8M), [12M, 24M) */
	for (unsigned step = 0; step < STEPS; step++) {
		struct block *block = &blocks[unit_random_below(BLOCKS)];

		if (!block->address) {
			allocate(block);
		} else if (block->order == 0 && unit_random_below(4) == 0) {
			frame_get(block->address);
			block->references++;
		} else {
			release(block);
		}
		CHECK(frame_free_count() == frame_total_count() - used);
		if (step % 1000 == 0)
			check_accounts();
	}
	for (size_t i = 0; i < BLOCKS; i++)
		while (blocks[i].address)
			release(&blocks[i]);
	CHECK(frame_free_count() == frame_total_count());
	CHECK(count_largest() == largest);
}

static void limits(void)
{
	struct account account = {.references = 1, .limit = 2};
	paddr_t first, second;

	add_memory();
	first = frame_alloc(&account);
	second = frame_alloc_zeroed(&account);
	CHECK(first && second && !account.exceeded);
	CHECK(*(uint64_t *)phys_to_virt(second) == 0);
	CHECK(frame_alloc(&account) == 0 && account.exceeded);
	frame_put(first);
	CHECK(account.frames == 1 && account.peak == 2);
	frame_put(second);
	CHECK(account.frames == 0);
}

static void unmanaged(void)
{
	add_memory();
	CHECK(!frame_is_managed(HOLE) && !frame_is_managed(MEMORY) && !frame_is_managed(0));
	frame_get(HOLE);
	frame_put(HOLE);
	frame_put(HOLE);
	CHECK(frame_references(HOLE) == 0);
}

static void heap_operations(void)
{
	static struct {
		uint8_t *memory;
		size_t size;
		uint8_t pattern;
	} objects[500];
	uint64_t free_before;

	add_memory();
	free_before = frame_free_count();
	for (unsigned step = 0; step < 50000; step++) {
		uint64_t i = unit_random_below(ARRAY_SIZE(objects));

		if (!objects[i].memory) {
			size_t size = unit_random_below(unit_random_below(16) ? 1200 : 9000) + 1, power = 32;

			while (power < size)
				power *= 2;
			objects[i].memory = kmalloc(size);
			if (!objects[i].memory)
				continue;
			CHECK(((uintptr_t)objects[i].memory & (MIN(power, PAGE_SIZE) - 1)) == 0);
			objects[i].size = size;
			objects[i].pattern = (uint8_t)unit_random();
			memset(objects[i].memory, objects[i].pattern, size);
		} else {
			for (size_t byte = 0; byte < objects[i].size; byte++)
				CHECK(objects[i].memory[byte] == objects[i].pattern);
			kfree(objects[i].memory);
			objects[i].memory = NULL;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		kfree(objects[i].memory);
		objects[i].memory = NULL;
	}
	CHECK(free_before - frame_free_count() <= 7); /* one empty slab of each class stays */
	CHECK(kmalloc(5UL << 20) == NULL);
}

UNIT_MAIN(UNIT_CASE("random allocations never overlap, and merge again when all are freed",
                    random_operations),
          UNIT_CASE("an account refuses what is over its limit", limits),
          UNIT_CASE("frames outside the ranges are never counted or freed", unmanaged),
          UNIT_CASE("heap objects keep their contents, and their frames come back", heap_operations))
