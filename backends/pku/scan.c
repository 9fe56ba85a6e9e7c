#include "pku/scan.h"

/* A byte of the text or of what follows it; `position` is below the sum of both sizes. */
static uint8_t byte_at(const struct stray_text *text, size_t position)
{
	return position < text->size ? text->bytes[position] : text->after[position - text->size];
}

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return byte >= 0x40 && byte <= 0x4f;
	}
}

static bool is_memory_operand(uint8_t modrm, unsigned reg)
{
	return modrm >> 6 != 3 && (modrm >> 3 & 7) == reg;
}

/* Is there a sequence of interest at `position`, which has STRAY_OPCODE_SIZE bytes from there on? */
static bool match(const struct stray_text *text, size_t position, enum stray_kind *kind)
{
	uint8_t opcode, last;

	if (byte_at(text, position) != STRAY_OPCODE_FIRST)
		return false;
	opcode = byte_at(text, position + 1);
	last = byte_at(text, position + 2);
	if (opcode == 0x01 && last == 0xef)
		*kind = STRAY_WRPKRU;
	else if (opcode == 0xae && is_memory_operand(last, 5))
		*kind = STRAY_XRSTOR;
	else if (opcode == 0xc7 && is_memory_operand(last, 3))
		*kind = STRAY_XRSTORS;
	else
		return false;
	return true;
}

/* The first position from `position` on that may start a sequence: most bytes of a text are passed here. */
static size_t skip(const struct stray_text *text, size_t position)
{
	while (position < text->size && text->bytes[position] != STRAY_OPCODE_FIRST)
		position++;
	return position;
}

bool stray_next(const struct stray_text *text, size_t *cursor, struct stray *found)
{
	size_t after = text->after_size < STRAY_AFTER_SIZE ? text->after_size : STRAY_AFTER_SIZE;
	size_t end = text->size + after;

	for (*cursor = skip(text, *cursor); *cursor < end && end - *cursor >= STRAY_OPCODE_SIZE;
	     *cursor = skip(text, *cursor + 1)) {
		size_t position = *cursor, first = position;

		if (!match(text, position, &found->kind))
			continue;
		while (first > 0 && position - first < STRAY_PREFIXES_MAX &&
		       is_prefix(byte_at(text, first - 1)))
			first--;
		if (first >= text->size)
			continue;
		found->first = first;
		found->last = position < text->size ? position : text->size - 1;
		++*cursor;
		return true;
	}
	return false;
}
