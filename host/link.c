#include "host/link.h"

#include "guest/abi/link.h"
#include "guest/lib/lib.h"

#include <string.h>

#define CRC_DIGITS 8

void link_init(struct link *link, const struct link_handler *handler)
{
	memset(link, 0, offsetof(struct link, line));
	link->handler = *handler;
}

/* The eight hexadecimal digits at the end of a line. False: they are none. */
static bool read_crc(const char *digits, uint32_t *crc)
{
	*crc = 0;
	for (unsigned i = 0; i < CRC_DIGITS; i++) {
		char digit = digits[i];
		uint32_t value;

		if (digit >= '0' && digit <= '9')
			value = (uint32_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			value = (uint32_t)(digit - 'a' + 10);
		else
			return false;
		*crc = *crc << 4 | value;
	}
	return true;
}

/* TYPE SEQUENCE ' ' PAYLOAD ' ' CRC32, whole. False: damaged. */
static bool take_line(struct link *link)
{
	size_t size = link->used, at = 1, body = size - CRC_DIGITS - 1;
	uint64_t sequence = 0, gap;
	uint32_t crc;

	if (link->too_long || size < 1 + 1 + 1 + 1 + CRC_DIGITS || memchr(link->line, '\0', size))
		return false;
	if (link->line[body] != ' ' || !read_crc(link->line + body + 1, &crc) ||
	    crc32(0, link->line, body) != crc)
		return false;
	for (; link->line[at] >= '0' && link->line[at] <= '9'; at++)
		sequence = sequence * 10 + (uint64_t)(link->line[at] - '0');
	if (at == 1 || link->line[at] != ' ')
		return false;
	if (link->handler.restart && link->line[0] == LINK_BOOT && sequence == 0 && link->expected) {
		link->handler.restart(link->handler.context);
		return true;
	}
	if (sequence < link->expected)
		return false; /* the guest never repeats itself: an echo of old bytes */
	gap = sequence - link->expected;
	link->lost += gap > link->damaged_since ? gap - link->damaged_since : 0;
	link->damaged_since = 0;
	link->expected = sequence + 1;
	at = at + 1 < body ? at + 1 : body;
	link->line[body] = '\0';
	link->handler.line(link->handler.context, link->line[0], link->line + at, body - at);
	return true;
}

static void end_line(struct link *link)
{
	if (!take_line(link)) {
		link->damaged++;
		link->damaged_since++;
	}
	link->in_line = false;
}

static void begin_line(struct link *link)
{
	if (link->in_line)
		end_line(link); /* its newline never came */
	link->in_line = true;
	link->too_long = false;
	link->used = 0;
}

static void take_byte(struct link *link, char byte)
{
	if (byte == '\n')
		end_line(link);
	else if (link->used < LINK_LINE_MAX)
		link->line[link->used++] = byte;
	else
		link->too_long = true;
}

void link_feed(struct link *link, const char *bytes, size_t size)
{
	const char *end = bytes + size, *text = bytes;

	for (const char *at = bytes; at < end; at++) {
		if (*at == LINK_MARK) {
			if (!link->in_line && at > text)
				link->handler.console(link->handler.context, text, (size_t)(at - text));
			begin_line(link);
		} else if (link->in_line) {
			take_byte(link, *at);
			text = at + 1;
		}
	}
	if (!link->in_line && end > text)
		link->handler.console(link->handler.context, text, (size_t)(end - text));
}

void link_finish(struct link *link)
{
	if (link->in_line)
		end_line(link);
}
