/* Private string functions of images: ISO C 7.24 and 7.22 semantics, weak like those in memory.c. */
#include <stdbool.h>
#include <stddef.h>

#define PRIVATE __attribute__((weak))

PRIVATE size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

PRIVATE size_t strnlen(const char *text, size_t limit)
{
	size_t length = 0;

	while (length < limit && text[length])
		length++;
	return length;
}

PRIVATE int strncmp(const char *a, const char *b, size_t limit)
{
	for (; limit > 0; limit--, a++, b++)
		if (*a != *b || *a == 0)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

PRIVATE int strcmp(const char *a, const char *b)
{
	for (; *a == *b && *a; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}

PRIVATE char *strchr(const char *text, int character)
{
	for (;; text++) {
		if (*text == (char)character)
			return (char *)text;
		if (*text == 0)
			return NULL;
	}
}

PRIVATE char *strrchr(const char *text, int character)
{
	const char *last = NULL;

	for (;; text++) {
		if (*text == (char)character)
			last = text;
		if (*text == 0)
			return (char *)last;
	}
}

static bool is_one_of(char character, const char *set)
{
	while (*set && *set != character)
		set++;
	return *set != 0;
}

PRIVATE size_t strspn(const char *text, const char *set)
{
	size_t length = 0;

	while (text[length] && is_one_of(text[length], set))
		length++;
	return length;
}

PRIVATE size_t strcspn(const char *text, const char *set)
{
	size_t length = 0;

	while (text[length] && !is_one_of(text[length], set))
		length++;
	return length;
}

PRIVATE char *strstr(const char *text, const char *part)
{
	size_t length = strlen(part);

	for (; strncmp(text, part, length) != 0; text++)
		if (*text == 0)
			return NULL;
	return (char *)text;
}

PRIVATE char *strcpy(char *restrict to, const char *restrict from)
{
	char *start = to;

	while ((*to++ = *from++))
		;
	return start;
}

PRIVATE char *strncpy(char *restrict to, const char *restrict from, size_t size)
{
	size_t i;

	for (i = 0; i < size && from[i]; i++)
		to[i] = from[i];
	for (; i < size; i++)
		to[i] = 0;
	return to;
}

PRIVATE int atoi(const char *text)
{
	unsigned value = 0;
	bool negative;

	while (*text == ' ' || (*text >= '\t' && *text <= '\r'))
		text++;
	negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	for (; *text >= '0' && *text <= '9'; text++)
		value = 10 * value + (unsigned)(*text - '0');
	return (int)(negative ? -value : value);
}
