/* The allocator of images against a model: which blocks are out, and what is in them. */
#include <string.h>

#include "check.h"
#include "library/heap.h"

#define ARENA_SIZE (1 << 20)
#define BLOCKS_MAX 4096
#define STEPS      400000

struct block {
	unsigned char *memory;
	size_t size;
	unsigned char fill;
};

static struct heap heap;
static unsigned char *arena;
static struct block blocks[BLOCKS_MAX];
static unsigned block_count;
static char problem[128];

static bool wrong(const char *what)
{
	if (!problem[0])
		snprintf(problem, sizeof(problem), "%s", what);
	return false;
}

/* Walks the arena: sizes add up, neighbours agree, no two free blocks touch, and what is free is listed. */
static bool consistent(void)
{
	size_t below = 0, listed = 0, free_blocks = 0;
	bool below_free = false;

	for (char *at = heap.start; at < heap.top;) {
		struct heap_block *block = (struct heap_block *)at;
		size_t size = block->size_and_used & ~(size_t)HEAP_BLOCK_USED;
		bool is_free = !(block->size_and_used & HEAP_BLOCK_USED);

		if (size < HEAP_BLOCK_MINIMUM || size % HEAP_ALIGNMENT || size > (size_t)(heap.top - at))
			return wrong("a block has a wrong size");
		if (block->below_size != below)
			return wrong("a block does not know the size of the one below");
		if (is_free && below_free)
			return wrong("two free blocks touch");
		free_blocks += is_free;
		below = size;
		below_free = is_free;
		at += size;
	}
	if (below_free || heap.top_below_size != below)
		return wrong("the top is wrong");
	for (unsigned row = 0; row < HEAP_ROWS; row++)
		for (unsigned column = 0; column < HEAP_COLUMNS; column++)
			for (struct heap_block *block = heap.lists[row][column]; block; block = block->next)
				listed++;
	return listed == free_blocks || wrong("a free block is not listed");
}

static bool intact(const struct block *block)
{
	for (size_t i = 0; i < block->size; i++)
		if (block->memory[i] != block->fill)
			return wrong("a block's contents changed");
	return true;
}

static bool take(size_t size, unsigned char fill)
{
	unsigned char *memory = heap_alloc(&heap, size);

	if (!memory)
		return true;
	if ((uintptr_t)memory % HEAP_ALIGNMENT)
		return wrong("a block is not aligned");
	if (memory < arena || memory + size > arena + ARENA_SIZE || heap_usable_size(memory) < size)
		return wrong("a block lies outside the arena or is too small");
	memset(memory, fill, size);
	blocks[block_count++] = (struct block){memory, size, fill};
	return true;
}

static bool release(unsigned index)
{
	struct block block = blocks[index];

	blocks[index] = blocks[--block_count];
	if (!intact(&block))
		return false;
	return heap_free(&heap, block.memory) || wrong("a block could not be released");
}

/* Small blocks mostly, a few large ones. */
static size_t random_size(uint64_t *state)
{
	return test_random_below(state, 1ul << (1 + test_random_below(state, 17)));
}

static void test_random_use(uint64_t seed)
{
	uint64_t state = seed;
	bool good = true;

	for (unsigned step = 0; step < STEPS && good; step++) {
		bool grow = step / 2000 % 2 ? test_random_below(&state, 3) == 0
		                            : test_random_below(&state, 3) > 0;

		if (grow && block_count < BLOCKS_MAX)
			good = take(random_size(&state), (unsigned char)step);
		else if (block_count)
			good = release((unsigned)test_random_below(&state, block_count));
		if (step % 256 == 0)
			good = good && consistent();
	}
	while (good && block_count)
		good = release(block_count - 1);
	good = good && consistent();
	check(good, "heap agrees with a model under random use", "%s", problem);
	check(heap.top == heap.start && heap.rows_filled == 0, "heap is empty again after the last release",
	      "%zu bytes left", (size_t)(heap.top - heap.start));
}

/* Fills the heap with blocks of `size`; returns how many there was room for. */
static unsigned fill(size_t size)
{
	unsigned count = block_count;

	while (block_count < BLOCKS_MAX && take(size, 1) && block_count > count)
		count = block_count;
	return count;
}

static void test_full(void)
{
	unsigned count = fill(1000);

	check(count >= ARENA_SIZE / 1056, "heap gives out nearly all of its arena", "%u blocks of 1000",
	      count);
	check(!heap_alloc(&heap, 1000), "heap says NULL when it is full", "a block");
	release(count / 2);
	check(heap_alloc(&heap, 1000) != NULL, "heap that is full reuses a released block of the same size",
	      "NULL");
	check(!heap_alloc(&heap, SIZE_MAX) && !heap_alloc(&heap, SIZE_MAX - 31) &&
	              !heap_alloc(&heap, ARENA_SIZE + 1),
	      "heap says NULL to sizes that no arena has", "a block");
	heap_init(&heap, arena, ARENA_SIZE);
	block_count = 0;
	check(heap_alloc(&heap, ARENA_SIZE - 16) != NULL, "heap gives out its whole arena as one block",
	      "NULL");
	heap_init(&heap, arena, 0);
	check(!heap_alloc(&heap, 0), "heap without an arena says NULL", "a block");
	heap_init(&heap, arena, ARENA_SIZE);
}

static void test_misuse(void)
{
	unsigned char *memory = heap_alloc(&heap, 100), *other = heap_alloc(&heap, 100);

	check(!heap_free(&heap, memory + 16) && !heap_free(&heap, memory + 1),
	      "heap refuses a pointer into a block", "it was released");
	check(!heap_free(&heap, arena + ARENA_SIZE) && !heap_free(&heap, &heap) && !heap_free(&heap, arena),
	      "heap refuses a pointer that is not its own", "it was released");
	heap_free(&heap, memory);
	check(!heap_free(&heap, memory), "heap refuses a second release", "it was released");
	heap_free(&heap, other);
	check(!heap_free(&heap, other), "heap refuses a second release at its top", "it was released");
}

int main(int argc, char **argv)
{
	uint64_t seed = test_seed(argc, argv);

	arena = aligned_alloc(16, ARENA_SIZE);
	heap_init(&heap, arena, ARENA_SIZE);
	test_random_use(seed);
	test_full();
	test_misuse();
	free(arena);
	return check_status();
}
