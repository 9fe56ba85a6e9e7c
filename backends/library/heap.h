/*
 * The allocator behind portcullis_alloc(): two-level segregated fit (Masmano and others, "TLSF", ECRTS 2004)
 * over one contiguous arena, of which only [start, top) has been touched. Allocation and release take
 * constant time.
 *
 * Not locked; pure logic, which the host tests against a model.
 */
#ifndef LIBRARY_HEAP_H
#define LIBRARY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_ALIGNMENT     16
#define HEAP_ROWS          29 /* row 0: blocks below 256 bytes; row n: those from 2^(n+7) to 2^(n+8) - 1 */
#define HEAP_COLUMNS       16 /* of one row, of equal width */
#define HEAP_BLOCK_USED    1u /* in heap_block.size_and_used */
#define HEAP_BLOCK_MINIMUM sizeof(struct heap_block)

/*
 * A block, header included. Its size is a multiple of 16. Free blocks never touch each other or `top`.
 *
 *   below_size | size_and_used | memory of the caller, or the links of its list while free ... | next block
 */
struct heap_block {
	size_t below_size; /* of the block that ends where this one starts; 0: this is the first */
	size_t size_and_used;
	struct heap_block *next, *previous;
};

struct heap {
	char *start, *top, *end;
	size_t top_below_size;      /* of the block that ends at top */
	uint32_t rows_filled;       /* bit n: row n has a block */
	uint16_t filled[HEAP_ROWS]; /* bit n: column n of the row has a block */
	struct heap_block *lists[HEAP_ROWS][HEAP_COLUMNS];
};

/* `memory` is 16-byte aligned and at most PORTCULLIS_HEAP_MAX long; the heap touches it only as blocks are
 * taken. */
void heap_init(struct heap *heap, void *memory, size_t size);

/* 16-byte aligned, or NULL: no room. Size 0 gives a block too. */
void *heap_alloc(struct heap *heap, size_t size);

/* False: `memory` is not an allocated block as far as can be told, and nothing was done. */
bool heap_free(struct heap *heap, void *memory);

/* Bytes of an allocated block that the caller may use. */
size_t heap_usable_size(const void *memory);

#endif
