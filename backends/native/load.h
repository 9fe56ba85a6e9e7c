/* Images on their way from the file into memory. */
#ifndef NATIVE_LOAD_H
#define NATIVE_LOAD_H

#include "image/image.h"

/* A copy of the file, read-only but for this process's runtime, at *bytes. 0 or -errno; -ENOEXEC: no file. */
long load_read(int file, const uint8_t **bytes, size_t *size);
void load_forget(const uint8_t *bytes, size_t size);

/* Copies the segments to `at`, which is writable and zeroes, and relocates them for an image at `base`. */
void load_segments(const struct image_plan *plan, char *at, uint64_t base);

/* Whole pages of a segment, from the image's first byte, and its rights as mmap() knows them. */
struct load_range {
	uint64_t start, size;
	int rights;
};
struct load_range load_range(const struct image_segment *segment);

#endif
