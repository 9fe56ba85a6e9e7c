#include "link.h"

#include "abi/link.h"
#include "lib/lib.h"

#define CHECKSUM_DIGITS 8

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* Value of exactly CHECKSUM_DIGITS lower-case hexadecimal digits. */
static bool read_checksum(const char *text, uint32_t *value)
{
	*value = 0;
	for (unsigned i = 0; i < CHECKSUM_DIGITS; i++) {
		bool letter = text[i] >= 'a' && text[i] <= 'f';

		if (!is_digit(text[i]) && !letter)
			return false;
		*value = *value << 4 | (uint32_t)(letter ? text[i] - 'a' + 10 : text[i] - '0');
	}
	return true;
}

/* A whole line: TYPE SEQUENCE ' ' PAYLOAD ' ' CRC32. False: damaged. */
static bool take_line(struct link *link)
{
	char *text = link->text, *payload;
	size_t size = link->used, body = size - CHECKSUM_DIGITS - 1;
	uint64_t sequence = 0;
	uint32_t checksum;

	if (size < CHECKSUM_DIGITS + 4 || text[body] != ' ' || !read_checksum(text + body + 1, &checksum) ||
	    crc32(0, text, body) != checksum)
		return false;
	payload = text + 1;
	if (!is_digit(*payload))
		return false;
	while (is_digit(*payload))
		sequence = sequence * 10 + (uint64_t)(*payload++ - '0');
	if (*payload++ != ' ' || payload > text + body || sequence < link->expected)
		return false;
	link->lost += sequence - link->expected;
	link->expected = sequence + 1;
	text[body] = '\0';
	link->listener.line(link->listener.context, text[0], payload, (size_t)(text + body - payload));
	return true;
}

static void end_line(struct link *link, bool whole)
{
	if (!whole || !take_line(link))
		link->damaged++;
	link->inside = false;
	link->used = 0;
}

static void take_byte(struct link *link, char byte)
{
	if (byte == '\n') {
		end_line(link, true);
	} else if (byte == LINK_MARK) {
		end_line(link, false);
		link->inside = true;
	} else if (link->used == LINK_LINE_MAX) {
		end_line(link, false);
	} else {
		link->text[link->used++] = byte;
	}
}

void link_receive(struct link *link, const char *bytes, size_t size)
{
	const char *end = bytes + size;

	while (bytes < end) {
		const char *start = bytes;

		while (bytes < end && !link->inside && *bytes != LINK_MARK)
			bytes++;
		if (bytes > start)
			link->listener.console(link->listener.context, start, (size_t)(bytes - start));
		if (bytes == end)
			break;
		if (link->inside)
			take_byte(link, *bytes);
		link->inside |= *bytes++ == LINK_MARK;
	}
}

void link_end(struct link *link)
{
	if (link->inside)
		end_line(link, false);
}
