#include "library/heap.h"

#define HEADER_SIZE offsetof(struct heap_block, next)

/* The list that a free block belongs to. */
struct list_index {
	unsigned row, column;
};

static unsigned highest_bit(size_t value)
{
	return 63 - (unsigned)__builtin_clzl(value);
}

static struct list_index list_of(size_t size)
{
	unsigned bit = highest_bit(size);

	if (size < 256)
		return (struct list_index){0, (unsigned)(size / HEAP_ALIGNMENT)};
	return (struct list_index){bit - 7, (unsigned)(size >> (bit - 4)) % HEAP_COLUMNS};
}

/* The least size >= `size` for which every block of its list is large enough.
 */
static size_t round_to_list(size_t size)
{
	size_t width;

	if (size < 256)
		return size;
	width = (size_t)1 << (highest_bit(size) - 4);
	return (size + width - 1) & ~(width - 1);
}

static size_t size_of(const struct heap_block *block)
{
	return block->size_and_used & ~(size_t)HEAP_BLOCK_USED;
}

static struct heap_block *above(struct heap_block *block)
{
	return (struct heap_block *)((char *)block + size_of(block));
}

static struct heap_block *below(struct heap_block *block)
{
	return (struct heap_block *)((char *)block - block->below_size);
}

/* Tells the block above, or the untouched rest, how large this block has become. */
static void announce_size(struct heap *heap, struct heap_block *block)
{
	if ((char *)above(block) == heap->top)
		heap->top_below_size = size_of(block);
	else
		above(block)->below_size = size_of(block);
}

static void list_insert(struct heap *heap, struct heap_block *block)
{
	struct list_index index = list_of(size_of(block));
	struct heap_block **head = &heap->lists[index.row][index.column];

	block->previous = NULL;
	block->next = *head;
	if (*head)
		(*head)->previous = block;
	*head = block;
	heap->filled[index.row] |= 1u << index.column;
	heap->rows_filled |= 1u << index.row;
}

static void list_remove(struct heap *heap, struct heap_block *block)
{
	struct list_index index = list_of(size_of(block));

	if (block->next)
		block->next->previous = block->previous;
	if (block->previous) {
		block->previous->next = block->next;
		return;
	}
	heap->lists[index.row][index.column] = block->next;
	if (block->next)
		return;
	heap->filled[index.row] &= ~(1u << index.column);
	if (heap->filled[index.row] == 0)
		heap->rows_filled &= ~(1u << index.row);
}

/* A listed block of at least `size`, as round_to_list() returns it, or NULL. */
static struct heap_block *find(struct heap *heap, size_t size)
{
	struct list_index index = list_of(size);
	uint32_t columns, rows;

	if (index.row >= HEAP_ROWS)
		return NULL;
	columns = heap->filled[index.row] & (~0u << index.column);
	if (columns == 0) {
		rows = heap->rows_filled & (~0u << index.row << 1);
		if (rows == 0)
			return NULL;
		index.row = (unsigned)__builtin_ctz(rows);
		columns = heap->filled[index.row];
	}
	return heap->lists[index.row][__builtin_ctz(columns)];
}

/* Takes `size` bytes off a listed block; what remains is listed again if a block fits there. */
static struct heap_block *take(struct heap *heap, struct heap_block *block, size_t size)
{
	size_t rest = size_of(block) - size;

	list_remove(heap, block);
	if (rest >= HEAP_BLOCK_MINIMUM) {
		struct heap_block *remainder = (struct heap_block *)((char *)block + size);

		remainder->below_size = size;
		remainder->size_and_used = rest;
		announce_size(heap, remainder);
		list_insert(heap, remainder);
		block->size_and_used = size;
	}
	block->size_and_used |= HEAP_BLOCK_USED;
	return block;
}

/* A new block from the untouched rest, or NULL. */
static struct heap_block *extend(struct heap *heap, size_t size)
{
	struct heap_block *block = (struct heap_block *)heap->top;

	if (size > (size_t)(heap->end - heap->top))
		return NULL;
	block->below_size = heap->top_below_size;
	block->size_and_used = size | HEAP_BLOCK_USED;
	heap->top += size;
	heap->top_below_size = size;
	return block;
}

void heap_init(struct heap *heap, void *memory, size_t size)
{
	*heap = (struct heap){.start = memory, .top = memory};
	heap->end = heap->start + size / HEAP_ALIGNMENT * HEAP_ALIGNMENT;
}

void *heap_alloc(struct heap *heap, size_t size)
{
	struct heap_block *block;
	size_t exact, rounded;

	if (size > (size_t)(heap->end - heap->start))
		return NULL;
	exact = (size + HEADER_SIZE + HEAP_ALIGNMENT - 1) / HEAP_ALIGNMENT * HEAP_ALIGNMENT;
	if (exact < HEAP_BLOCK_MINIMUM)
		exact = HEAP_BLOCK_MINIMUM;
	/* Blocks have the least size of a class, so that what is freed serves the next request of the same
	 * size. */
	rounded = round_to_list(exact);
	block = find(heap, rounded);
	if (block)
		block = take(heap, block, rounded);
	else
		block = extend(heap, rounded);
	if (!block)
		block = extend(heap, exact);
	return block ? (char *)block + HEADER_SIZE : NULL;
}

/* Everything that can be checked in constant time: a wild pointer or a second release is told with near
 * certainty. */
static bool is_allocated(const struct heap *heap, const char *memory)
{
	const struct heap_block *block = (const struct heap_block *)(memory - HEADER_SIZE);
	size_t size;

	if ((uintptr_t)memory % HEAP_ALIGNMENT || memory < heap->start + HEADER_SIZE || memory >= heap->top)
		return false;
	size = size_of(block);
	if (!(block->size_and_used & HEAP_BLOCK_USED) || size < HEAP_BLOCK_MINIMUM || size % HEAP_ALIGNMENT ||
	    size > (size_t)(heap->top - (const char *)block))
		return false;
	if ((const char *)block + size == heap->top)
		return heap->top_below_size == size;
	return ((const struct heap_block *)((const char *)block + size))->below_size == size;
}

bool heap_free(struct heap *heap, void *memory)
{
	struct heap_block *block = (struct heap_block *)((char *)memory - HEADER_SIZE);

	if (!is_allocated(heap, memory))
		return false;
	block->size_and_used &= ~(size_t)HEAP_BLOCK_USED;
	if ((char *)above(block) != heap->top && !(above(block)->size_and_used & HEAP_BLOCK_USED)) {
		list_remove(heap, above(block));
		block->size_and_used += size_of(above(block));
	}
	if (block->below_size && !(below(block)->size_and_used & HEAP_BLOCK_USED)) {
		size_t size = size_of(block);

		block = below(block);
		list_remove(heap, block);
		block->size_and_used += size;
	}
	if ((char *)above(block) == heap->top) {
		heap->top = (char *)block;
		heap->top_below_size = block->below_size;
	} else {
		announce_size(heap, block);
		list_insert(heap, block);
	}
	return true;
}

size_t heap_usable_size(const void *memory)
{
	const struct heap_block *block = (const struct heap_block *)((const char *)memory - HEADER_SIZE);

	return size_of(block) - HEADER_SIZE;
}
