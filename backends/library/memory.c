/*
 * Private memory functions of images: ISO C 7.24 semantics, no processor state but general registers. Weak,
 * so that a library that brings its own keeps them. Built so that the compiler does not turn their loops into
 * calls of themselves.
 */
#include <stddef.h>
#include <stdint.h>

#define PRIVATE __attribute__((weak))

/* From here on the string instructions' fixed start-up cost is worth the instructions that they save. */
#define STRING_INSTRUCTION_MINIMUM 64

#define BLOCK_WORDS 8
#define BLOCK       (BLOCK_WORDS * sizeof(word))

typedef uint64_t __attribute__((may_alias, aligned(1))) word;
typedef uint32_t __attribute__((may_alias, aligned(1))) half;
typedef uint16_t __attribute__((may_alias, aligned(1))) quarter;

#define INLINE static inline __attribute__((always_inline))

/* Copies `count` words, a constant. */
INLINE void copy_words(unsigned char *to, const unsigned char *from, unsigned count)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < count; i++)
		((word *)to)[i] = ((const word *)from)[i];
}

/* The same from the last one down. */
INLINE void copy_words_down(unsigned char *to, const unsigned char *from, unsigned count)
{
#pragma GCC unroll 8
	for (unsigned i = count; i > 0; i--)
		((word *)to)[i - 1] = ((const word *)from)[i - 1];
}

/* At most 16 bytes, in two pieces that may overlap: both are read before the first is written. */
INLINE void copy_short(unsigned char *to, const unsigned char *from, size_t size)
{
	if (size >= sizeof(word)) {
		word first = *(const word *)from, last = *(const word *)(from + size - sizeof(word));

		*(word *)to = first;
		*(word *)(to + size - sizeof(word)) = last;
	} else if (size >= sizeof(half)) {
		half first = *(const half *)from, last = *(const half *)(from + size - sizeof(half));

		*(half *)to = first;
		*(half *)(to + size - sizeof(half)) = last;
	} else if (size >= sizeof(quarter)) {
		quarter first = *(const quarter *)from;
		unsigned char last = from[size - 1];

		*(quarter *)to = first;
		to[size - 1] = last;
	} else if (size > 0) {
		*to = *from;
	}
}

/* Copies `words` words, a power of two, if they are a part of `size`; returns where the next ones belong. */
INLINE unsigned char *copy_part(unsigned char *to, const unsigned char **from, size_t size, unsigned words)
{
	if (!(size & (words * sizeof(word))))
		return to;
	copy_words(to, *from, words);
	*from += words * sizeof(word);
	return to + words * sizeof(word);
}

/* Upwards: right unless the target starts inside the source. The last word may overlap those before it. */
INLINE void copy_up(unsigned char *to, const unsigned char *from, size_t size)
{
	unsigned char *end = to + size;
	word last;

	if (size <= 2 * sizeof(word)) {
		copy_short(to, from, size);
		return;
	}
	last = *(const word *)(from + size - sizeof(word));
	if (size >= STRING_INSTRUCTION_MINIMUM) {
		size_t words = size / sizeof(word);

		__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
		size = 0;
	}
	to = copy_part(to, &from, size, 4);
	to = copy_part(to, &from, size, 2);
	to = copy_part(to, &from, size, 1);
	*(word *)(end - sizeof(word)) = last;
}

/* Downwards, where the target starts inside the source. The first word may overlap those behind it. */
INLINE void copy_down(unsigned char *to, const unsigned char *from, size_t size)
{
	word first;

	if (size <= 2 * sizeof(word)) {
		copy_short(to, from, size);
		return;
	}
	first = *(const word *)from;
	for (; size >= BLOCK; size -= BLOCK)
		copy_words_down(to + size - BLOCK, from + size - BLOCK, BLOCK_WORDS);
	for (; size > sizeof(word); size -= sizeof(word))
		copy_words_down(to + size - sizeof(word), from + size - sizeof(word), 1);
	*(word *)to = first;
}

PRIVATE void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	copy_up(to, from, size);
	return to;
}

PRIVATE void *memmove(void *to, const void *from, size_t size)
{
	if ((uintptr_t)to - (uintptr_t)from >= size)
		copy_up(to, from, size);
	else
		copy_down(to, from, size);
	return to;
}

PRIVATE void *memset(void *to, int byte, size_t size)
{
	uint64_t pattern = 0x0101010101010101 * (unsigned char)byte;
	unsigned char *target = to, *end = target + size;

	if (size < sizeof(word)) {
		for (; target < end; target++)
			*target = (unsigned char)byte;
		return to;
	}
	if (size >= STRING_INSTRUCTION_MINIMUM) {
		size_t words = size / sizeof(word);

		__asm__ volatile("rep stosq" : "+D"(target), "+c"(words) : "a"(pattern) : "memory");
		size = 0;
	}
	for (; size >= 4 * sizeof(word); size -= 4 * sizeof(word), target += 4 * sizeof(word))
#pragma GCC unroll 4
		for (unsigned i = 0; i < 4; i++)
			((word *)target)[i] = pattern;
	for (; size >= sizeof(word); size -= sizeof(word), target += sizeof(word))
		*(word *)target = pattern;
	*(word *)(end - sizeof(word)) = pattern;
	return to;
}

/* Of two words that differ, in memory's order. */
INLINE int compare_words(uint64_t left, uint64_t right)
{
	return __builtin_bswap64(left) < __builtin_bswap64(right) ? -1 : 1;
}

PRIVATE int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *left = a, *right = b;

	for (; size >= sizeof(word); size -= sizeof(word), left += sizeof(word), right += sizeof(word))
		if (*(const word *)left != *(const word *)right)
			return compare_words(*(const word *)left, *(const word *)right);
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
