/* Strings. */
#include "lib/lib.h"

size_t strlen(const char *text)
{
	const char *end = text;

	while (*end) {
		end++;
		__asm__ volatile(""); /* keeps the compiler from turning the loop into a call of strlen */
	}
	return (size_t)(end - text);
}

size_t strnlen(const char *text, size_t limit)
{
	size_t length = 0;

	while (length < limit && text[length])
		length++;
	return length;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t limit)
{
	for (; limit > 0; a++, b++, limit--)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

char *strchr(const char *text, int character)
{
	for (; *text != (char)character; text++)
		if (!*text)
			return NULL;
	return (char *)text;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t length = strlen(from);

	if (size > 0) {
		size_t copied = MIN(length, size - 1);

		memcpy(to, from, copied);
		to[copied] = 0;
	}
	return length;
}
