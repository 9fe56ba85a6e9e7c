#include "host/json.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Past the string that starts at `at`. */
static const char *skip_string(const char *at)
{
	for (at++; *at != '"'; at++)
		if (*at == '\\')
			at++;
	return at + 1;
}

/* Past the value that starts at `at`. */
static const char *skip_value(const char *at)
{
	unsigned depth = 0;

	do {
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		if (*at == '{' || *at == '[')
			depth++;
		else if ((*at == '}' || *at == ']') && depth)
			depth--;
		at++;
	} while (depth || !strchr(",}] \t\r\n", *at));
	return at;
}

bool json_member(const char *object, const char *key, struct json_value *value)
{
	const char *at = skip_blanks(skip_blanks(object) + 1);
	size_t length = strlen(key);

	while (*at == '"') {
		const char *name = at + 1, *end;
		bool found;

		at = skip_string(at);
		found = (size_t)(at - 1 - name) == length && !memcmp(name, key, length);
		at = skip_blanks(skip_blanks(at) + 1);
		end = skip_value(at);
		if (found) {
			*value = (struct json_value){at, (size_t)(end - at)};
			return true;
		}
		at = skip_blanks(end);
		if (*at == ',')
			at = skip_blanks(at + 1);
	}
	return false;
}

/* The character of an escape, at its letter. Those beyond ASCII are shown as '?': ids and symbols have none.
 */
static char unescape(const char **at)
{
	static const char letters[] = "bfnrt", characters[] = "\b\f\n\r\t";
	const char *letter = strchr(letters, **at);
	char digits[5];
	unsigned long code;

	if (**at != 'u')
		return letter ? characters[letter - letters] : **at;
	memcpy(digits, *at + 1, 4);
	digits[4] = '\0';
	*at += 4;
	code = strtoul(digits, NULL, 16);
	return code > 0 && code < 0x80 ? (char)code : '?';
}

bool json_string(const char *object, const char *key, char *text, size_t size)
{
	struct json_value value;
	size_t used = 0;

	text[0] = '\0';
	if (!json_member(object, key, &value) || value.text[0] != '"')
		return false;
	for (const char *at = value.text + 1; *at != '"' && used + 1 < size; at++)
		text[used++] = *at == '\\' ? (at++, unescape(&at)) : *at;
	text[used] = '\0';
	return true;
}

bool json_number(const char *object, const char *key, uint64_t *number)
{
	struct json_value value;

	*number = 0;
	if (!json_member(object, key, &value))
		return false;
	for (size_t i = 0; i < value.size; i++) {
		char digit = value.text[i];

		if (digit < '0' || digit > '9' || __builtin_mul_overflow(*number, (uint64_t)10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(digit - '0'), number)) {
			*number = 0;
			return false;
		}
	}
	return true;
}

void json_quote(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, "\"", 1);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buffer_printf(buffer, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			buffer_printf(buffer, "\\u%04x", *text);
		else
			buffer_append(buffer, text, 1);
	}
	buffer_append(buffer, "\"", 1);
}
