#include "fs/cpio.h"

#include <stdbool.h>

#define MAGIC       "070701"
#define MAGIC_SIZE  6
#define HEADER_SIZE 110
#define TRAILER     "TRAILER!!!"

/* The header's fields: eight hexadecimal digits each. */
enum field {
	FIELD_INODE,
	FIELD_MODE,
	FIELD_UID,
	FIELD_GID,
	FIELD_LINKS,
	FIELD_MTIME,
	FIELD_SIZE,
	FIELD_DEVICE_MAJOR,
	FIELD_DEVICE_MINOR,
	FIELD_SPECIAL_MAJOR,
	FIELD_SPECIAL_MINOR,
	FIELD_NAME_SIZE,
	FIELD_CHECK,
	FIELD_COUNT
};

void cpio_begin(struct cpio_reader *reader, const void *archive, size_t size)
{
	*reader = (struct cpio_reader){.archive = archive, .size = size};
}

static enum cpio_result error(struct cpio_reader *reader, const char *reason)
{
	reader->reason = reason;
	return CPIO_ERROR;
}

static bool bytes_equal(const uint8_t *bytes, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (uint8_t)text[i])
			return false;
	return true;
}

static bool parse_field(const uint8_t *digits, uint32_t *value)
{
	*value = 0;
	for (int i = 0; i < 8; i++) {
		uint8_t digit = digits[i];

		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if (digit >= 'a' && digit <= 'f')
			digit = digit - 'a' + 10;
		else if (digit >= 'A' && digit <= 'F')
			digit = digit - 'A' + 10;
		else
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

/* Takes `size` bytes and their padding. NULL: beyond the archive. Missing padding at the very end is fine. */
static const uint8_t *take(struct cpio_reader *reader, size_t size)
{
	const uint8_t *bytes = reader->archive + reader->at;

	if (size > reader->size - reader->at)
		return NULL;
	reader->at += size;
	while (reader->at % 4 && reader->at < reader->size)
		reader->at++;
	return bytes;
}

enum cpio_result cpio_next(struct cpio_reader *reader, struct cpio_entry *entry)
{
	const uint8_t *header = reader->archive + reader->at, *name;
	uint32_t field[FIELD_COUNT], name_size;

	reader->number++;
	if (reader->at == reader->size)
		return error(reader, "is missing: the archive ends without " TRAILER);
	if (reader->size - reader->at < HEADER_SIZE)
		return error(reader, "has a header that ends beyond the archive");
	if (!bytes_equal(header, MAGIC, MAGIC_SIZE))
		return error(reader, "does not begin with " MAGIC ": not a cpio archive in newc format");
	for (int i = 0; i < FIELD_COUNT; i++)
		if (!parse_field(header + MAGIC_SIZE + 8 * i, &field[i]))
			return error(reader, "has a header field that is not hexadecimal");
	reader->at += HEADER_SIZE;

	name_size = field[FIELD_NAME_SIZE];
	if (name_size < 2 || name_size > CPIO_NAME_MAX + 1)
		return error(reader, "has an empty name or one longer than 4095 bytes");
	name = take(reader, name_size);
	if (!name)
		return error(reader, "has a name that ends beyond the archive");
	for (uint32_t i = 0; i < name_size; i++)
		if (!name[i] != (i == name_size - 1))
			return error(reader, "has a name whose length is wrong");
	if (name_size == sizeof(TRAILER) && bytes_equal(name, TRAILER, sizeof(TRAILER)))
		return CPIO_END;

	*entry = (struct cpio_entry){
	        .name = (const char *)name,
	        .inode = field[FIELD_INODE],
	        .device = (uint64_t)field[FIELD_DEVICE_MAJOR] << 32 | field[FIELD_DEVICE_MINOR],
	        .mode = field[FIELD_MODE],
	        .uid = field[FIELD_UID],
	        .gid = field[FIELD_GID],
	        .links = field[FIELD_LINKS],
	        .mtime = field[FIELD_MTIME],
	        .size = field[FIELD_SIZE],
	};
	entry->data = take(reader, entry->size);
	return entry->data ? CPIO_ENTRY : error(reader, "ends beyond the archive");
}
