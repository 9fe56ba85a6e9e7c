/*
 * Private memory functions of images: ISO C 7.24 semantics, no processor state but general registers. Weak,
 * so that a library that brings its own keeps them. Built so that the compiler does not turn their loops into
 * calls of themselves.
 */
#include <stddef.h>
#include <stdint.h>

#define PRIVATE __attribute__((weak))

/* From here on the string instructions' fixed start-up cost pays off. */
#define STRING_INSTRUCTION_MINIMUM 128

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

PRIVATE void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	unsigned char *target = to;
	const unsigned char *source = from;

	if (size >= STRING_INSTRUCTION_MINIMUM) {
		size_t words = size / 8;

		__asm__ volatile("rep movsq" : "+D"(target), "+S"(source), "+c"(words) : : "memory");
		size %= 8;
	}
	for (; size >= 8; size -= 8, target += 8, source += 8)
		*(word *)target = *(const word *)source;
	for (; size > 0; size--)
		*target++ = *source++;
	return to;
}

PRIVATE void *memmove(void *to, const void *from, size_t size)
{
	unsigned char *target = to;
	const unsigned char *source = from;

	/* Copying upwards is right unless the target starts inside the source. */
	if ((uintptr_t)target - (uintptr_t)source >= size)
		return memcpy(to, from, size);
	while (size >= 8) {
		size -= 8;
		*(word *)(target + size) = *(const word *)(source + size);
	}
	while (size > 0) {
		size--;
		target[size] = source[size];
	}
	return to;
}

PRIVATE void *memset(void *to, int byte, size_t size)
{
	unsigned char *target = to;
	uint64_t pattern = 0x0101010101010101 * (unsigned char)byte;

	if (size >= STRING_INSTRUCTION_MINIMUM) {
		size_t words = size / 8;

		__asm__ volatile("rep stosq" : "+D"(target), "+c"(words) : "a"(pattern) : "memory");
		size %= 8;
	}
	for (; size >= 8; size -= 8, target += 8)
		*(word *)target = pattern;
	for (; size > 0; size--)
		*target++ = (unsigned char)byte;
	return to;
}

PRIVATE int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *left = a, *right = b;

	for (; size >= 8 && *(const word *)left == *(const word *)right; size -= 8) {
		left += 8;
		right += 8;
	}
	for (; size > 0; size--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}

PRIVATE void *memchr(const void *memory, int byte, size_t size)
{
	const unsigned char *at = memory;

	for (; size > 0; size--, at++)
		if (*at == (unsigned char)byte)
			return (void *)at;
	return NULL;
}
