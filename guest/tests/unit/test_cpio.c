/* The cpio reader against archives that are right, cut short, and damaged. Built with the address sanitizer.
 */
#include "fs/cpio.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

#define ARCHIVE_MAX 4096

static uint8_t archive[ARCHIVE_MAX];
static size_t archive_size;

static void put(const void *bytes, size_t size)
{
	CHECK(archive_size + size + 4 <= ARCHIVE_MAX);
	memcpy(archive + archive_size, bytes, size);
	archive_size += size;
	while (archive_size % 4)
		archive[archive_size++] = 0;
}

static void put_entry(const char *name, uint32_t mode, const char *data)
{
	char header[128];
	size_t size = strlen(name) + 1;

	snprintf(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 7,
	         mode, 1, 2, 1, 1000, (unsigned)strlen(data), 3, 4, 0, 0, (unsigned)size, 0);
	/* Header and name are padded together. */
	memcpy(header + 110, name, MIN(size, sizeof(header) - 110));
	put(header, 110 + size);
	put(data, strlen(data));
}

/* A directory, a file of seven bytes, a symbolic link. */
static void build(void)
{
	archive_size = 0;
	put_entry("bin", 040755, "");
	put_entry("bin/file", 0100644, "content");
	put_entry("link", 0120777, "bin/file");
	put_entry("TRAILER!!!", 0, "");
}

/* Reads to the end from a copy of exactly that size, touching every byte of each entry. */
static enum cpio_result read_all(size_t size, unsigned *entries, const char **reason)
{
	uint8_t *copy = malloc(size);
	struct cpio_reader reader;
	struct cpio_entry entry;
	enum cpio_result result;
	volatile uint8_t sum = 0;

	memcpy(copy, archive, size);
	cpio_begin(&reader, copy, size);
	*entries = 0;
	while ((result = cpio_next(&reader, &entry)) == CPIO_ENTRY) {
		CHECK(strlen(entry.name) >= 1);
		CHECK(entry.data >= copy && entry.data + entry.size <= copy + size);
		for (size_t i = 0; i < entry.size; i++)
			sum += entry.data[i];
		++*entries;
		CHECK(*entries <= size / 110);
	}
	CHECK(result != CPIO_ERROR || reader.reason);
	*reason = reader.reason;
	free(copy);
	return result;
}

static void right_archive(void)
{
	struct cpio_reader reader;
	struct cpio_entry entry;

	build();
	cpio_begin(&reader, archive, archive_size);
	CHECK(cpio_next(&reader, &entry) == CPIO_ENTRY);
	CHECK(!strcmp(entry.name, "bin") && entry.mode == 040755 && entry.size == 0);
	CHECK(cpio_next(&reader, &entry) == CPIO_ENTRY);
	CHECK(!strcmp(entry.name, "bin/file") && entry.size == 7 && !memcmp(entry.data, "content", 7));
	CHECK(entry.uid == 1 && entry.gid == 2 && entry.mtime == 1000 && entry.links == 1);
	CHECK(entry.inode == 7 && entry.device == (3UL << 32 | 4));
	CHECK(cpio_next(&reader, &entry) == CPIO_ENTRY);
	CHECK(!strcmp(entry.name, "link") && entry.size == 8);
	CHECK(cpio_next(&reader, &entry) == CPIO_END);
}

static void every_cut(void)
{
	const char *reason;
	unsigned entries;

	build();
	/* The padding of the trailer's own name may be missing. */
	for (size_t size = 0; size < archive_size - 3; size++)
		CHECK(read_all(size, &entries, &reason) == CPIO_ERROR);
	CHECK(read_all(archive_size, &entries, &reason) == CPIO_END && entries == 3);
}

/* Overwrites part of the second entry's header and expects this reason. */
static void expect_reason(size_t offset, const char *bytes, const char *wanted)
{
	const char *reason;
	unsigned entries;
	size_t second = 116; /* the first: 110 bytes of header, "bin" and its NUL, padded */

	build();
	CHECK(!memcmp(archive + second, "070701", 6));
	memcpy(archive + second + offset, bytes, strlen(bytes));
	CHECK(read_all(archive_size, &entries, &reason) == CPIO_ERROR && entries == 1);
	CHECK(!strcmp(reason, wanted));
}

static void wrong_fields(void)
{
	expect_reason(0, "070702", "does not begin with 070701: not a cpio archive in newc format");
	expect_reason(6, "0000000g", "has a header field that is not hexadecimal");
	expect_reason(6 + 8 * 6, "ffffffff", "ends beyond the archive");
	expect_reason(6 + 8 * 11, "ffffffff", "has an empty name or one longer than 4095 bytes");
	expect_reason(6 + 8 * 11, "00000000", "has an empty name or one longer than 4095 bytes");
	expect_reason(6 + 8 * 11, "00000fff", "has a name that ends beyond the archive");
	expect_reason(6 + 8 * 11, "00000005", "has a name whose length is wrong");
	expect_reason(6 + 8 * 11, "0000000b", "has a name whose length is wrong");
}

static void random_damage(void)
{
	unsigned ended = 0;

	for (unsigned round = 0; round < 20000; round++) {
		const char *reason;
		unsigned entries;

		build();
		for (uint64_t change = 1 + unit_random_below(8); change; change--) {
			uint8_t *byte = &archive[unit_random_below(archive_size)];

			/* Digits as often as anything: they keep the header plausible. */
			*byte = unit_random() & 1 ? "0123456789abcdefF"[unit_random_below(17)]
			                          : (uint8_t)unit_random();
		}
		ended += read_all(unit_random_below(archive_size + 1), &entries, &reason) == CPIO_END;
		ended += read_all(archive_size, &entries, &reason) == CPIO_END;
	}
	CHECK(ended > 0); /* some damage goes unnoticed: the file's contents carry no check */
}

UNIT_MAIN(UNIT_CASE("a right archive yields its entries", right_archive),
          UNIT_CASE("an archive cut anywhere is an error", every_cut),
          UNIT_CASE("a wrong header field is named", wrong_fields),
          UNIT_CASE("random damage never leads out of the archive", random_damage))
