/*
 * The trusted parser of images. Pure logic: it reads bytes and writes a plan; the kernel builds it, and the
 * host, where it is fuzzed.
 *
 * The bytes come from anybody. They must not change from image_parse() to the last use of the plan: parse a
 * copy, or a file that nobody can write meanwhile.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "portcullis/image.h"

#define IMAGE_SEGMENTS_MAX 8

#define IMAGE_READ    1u /* rights of a segment: READ alone, READ | EXECUTE or READ | WRITE */
#define IMAGE_WRITE   2u
#define IMAGE_EXECUTE 4u

/* All addresses are relative to the image's first byte in memory, which is page aligned. */
struct image_segment {
	uint64_t address;
	uint64_t memory_size; /* > 0 */
	uint64_t file_offset;
	uint64_t file_size; /* <= memory_size; the rest of its pages is zeroes */
	unsigned rights;
};

struct image_plan {
	const uint8_t *bytes; /* as given to image_parse() */
	size_t size;
	uint64_t memory_size; /* of the whole image: whole pages, at most PORTCULLIS_IMAGE_MAX */

	/* Ascending; no two on one page. */
	struct image_segment segments[IMAGE_SEGMENTS_MAX];
	unsigned segment_count;

	uint64_t relocations; /* file offset of the table */
	uint64_t relocation_count;

	uint64_t descriptor_address;
	uint64_t descriptor_offset; /* in the file */
	struct portcullis_image
	        descriptor; /* a copy of its fixed part: counts, limits and name are within bounds */

	/* Addresses of functions in an executable segment; 0: none. */
	uint64_t init;
	uint64_t teardown;
	uint64_t copy_start, copy_end, copy_fixup;

	uint64_t unwind; /* address of .eh_frame_hdr, 0: none; nothing about it is checked */
};

struct image_relocation {
	uint64_t target; /* eight bytes at this address, in one writable segment, ... */
	uint64_t value;  /* ... become the image's address + value; value <= memory_size */
};

struct image_entry {
	uint64_t function; /* address in an executable segment */
	unsigned argument_count;
	unsigned flags;
	const char *name; /* NUL-terminated, in the image's bytes */
};

/*
 * Checks the whole image. NULL: *plan describes it and everything that the functions below return holds what
 * is promised above. Otherwise a sentence, without its full stop, on the first thing that is wrong.
 */
const char *image_parse(const void *bytes, size_t size, struct image_plan *plan);

/* Of a plan that image_parse() accepted: index < plan->relocation_count, index <
 * plan->descriptor.entry_count. */
struct image_relocation image_relocation(const struct image_plan *plan, uint64_t index);
struct image_entry image_entry(const struct image_plan *plan, unsigned index);

#endif
