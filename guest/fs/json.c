#include "fs/json.h"

#include <stdint.h>

struct cursor {
	const unsigned char *at, *end;
};

static int peek(const struct cursor *cursor)
{
	return cursor->at < cursor->end ? *cursor->at : -1;
}

static bool accept(struct cursor *cursor, int byte)
{
	if (peek(cursor) != byte)
		return false;
	cursor->at++;
	return true;
}

static void skip_blanks(struct cursor *cursor)
{
	while (peek(cursor) == ' ' || peek(cursor) == '\t' || peek(cursor) == '\n' || peek(cursor) == '\r')
		cursor->at++;
}

static bool accept_word(struct cursor *cursor, const char *word)
{
	while (*word)
		if (!accept(cursor, *word++))
			return false;
	return true;
}

static bool accept_digits(struct cursor *cursor)
{
	const unsigned char *start = cursor->at;

	while (peek(cursor) >= '0' && peek(cursor) <= '9')
		cursor->at++;
	return cursor->at > start;
}

static bool accept_number(struct cursor *cursor)
{
	accept(cursor, '-');
	if (!accept(cursor, '0') && !accept_digits(cursor))
		return false;
	if (accept(cursor, '.') && !accept_digits(cursor))
		return false;
	if (accept(cursor, 'e') || accept(cursor, 'E')) {
		if (!accept(cursor, '+'))
			accept(cursor, '-');
		return accept_digits(cursor);
	}
	return true;
}

static bool is_hexadecimal(int byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

static bool accept_escape(struct cursor *cursor)
{
	static const char simple[] = "\"\\/bfnrt";

	for (const char *escape = simple; *escape; escape++)
		if (accept(cursor, *escape))
			return true;
	if (!accept(cursor, 'u'))
		return false;
	for (int i = 0; i < 4; i++) {
		if (!is_hexadecimal(peek(cursor)))
			return false;
		cursor->at++;
	}
	return true;
}

/* One character beyond ASCII (RFC 3629): no overlong form, no surrogate, at most U+10FFFF. */
static bool accept_utf8(struct cursor *cursor)
{
	static const uint32_t smallest[] = {0x80, 0x800, 0x10000}; /* that needs 1, 2, 3 more bytes */
	uint32_t first = *cursor->at++, character;
	unsigned more;

	if (first >= 0xc0 && first < 0xe0)
		more = 1;
	else if (first >= 0xe0 && first < 0xf0)
		more = 2;
	else if (first >= 0xf0 && first < 0xf8)
		more = 3;
	else
		return false;
	character = first & (0x3f >> more);
	for (unsigned i = 0; i < more; i++) {
		int next = peek(cursor);

		if (next < 0x80 || next >= 0xc0)
			return false;
		character = character << 6 | (next & 0x3f);
		cursor->at++;
	}
	return character >= smallest[more - 1] && character <= 0x10ffff &&
	       (character < 0xd800 || character > 0xdfff);
}

static bool accept_string(struct cursor *cursor)
{
	if (!accept(cursor, '"'))
		return false;
	for (;;) {
		int byte = peek(cursor);

		if (byte < 0x20) /* a control character, or the end (-1) */
			return false;
		if (byte >= 0x80) {
			if (!accept_utf8(cursor))
				return false;
			continue;
		}
		cursor->at++;
		if (byte == '"')
			return true;
		if (byte == '\\' && !accept_escape(cursor))
			return false;
	}
}

static bool accept_value(struct cursor *cursor, unsigned depth);

static bool accept_member(struct cursor *cursor, unsigned depth)
{
	skip_blanks(cursor);
	if (!accept_string(cursor))
		return false;
	skip_blanks(cursor);
	return accept(cursor, ':') && accept_value(cursor, depth);
}

/* After the opening bracket. */
static bool accept_members(struct cursor *cursor, int closing, unsigned depth)
{
	if (depth > JSON_DEPTH_MAX)
		return false;
	skip_blanks(cursor);
	if (accept(cursor, closing))
		return true;
	do {
		if (!(closing == '}' ? accept_member(cursor, depth) : accept_value(cursor, depth)))
			return false;
	} while (accept(cursor, ','));
	return accept(cursor, closing);
}

/* A value and the blanks around it. */
static bool accept_value(struct cursor *cursor, unsigned depth)
{
	bool valid;

	skip_blanks(cursor);
	switch (peek(cursor)) {
	case '{':
		cursor->at++;
		valid = accept_members(cursor, '}', depth + 1);
		break;
	case '[':
		cursor->at++;
		valid = accept_members(cursor, ']', depth + 1);
		break;
	case '"':
		valid = accept_string(cursor);
		break;
	case 't':
		valid = accept_word(cursor, "true");
		break;
	case 'f':
		valid = accept_word(cursor, "false");
		break;
	case 'n':
		valid = accept_word(cursor, "null");
		break;
	default:
		valid = accept_number(cursor);
		break;
	}
	skip_blanks(cursor);
	return valid;
}

bool json_is_object(const char *text, size_t size)
{
	struct cursor cursor = {(const unsigned char *)text, (const unsigned char *)text + size};

	skip_blanks(&cursor);
	return peek(&cursor) == '{' && accept_value(&cursor, 0) && cursor.at == cursor.end;
}
