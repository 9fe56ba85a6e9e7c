/*
 * Copying and filling memory. `rep movsq` and `rep stosq` move eight bytes a step, and an emulator counts
 * each step as an instruction; the odd bytes at the end are covered by one unaligned word that overlaps what
 * was already done.
 */
#include "lib/lib.h"

typedef uint64_t __attribute__((aligned(1), may_alias)) word;

#define WORD sizeof(word)

static inline void copy_bytes(void *to, const void *from, size_t size)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static inline void copy_words(void *to, const void *from, size_t count)
{
	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

void *memcpy(void *to, const void *from, size_t size)
{
	word last;

	if (size < WORD) {
		copy_bytes(to, from, size);
		return to;
	}
	last = *(const word *)((const char *)from + size - WORD);
	copy_words(to, from, size / WORD);
	*(word *)((char *)to + size - WORD) = last;
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *target = to;
	const char *source = from;

	/* Without an overlap, in either direction. */
	if ((uintptr_t)to - (uintptr_t)from >= size && (uintptr_t)from - (uintptr_t)to >= size)
		return memcpy(to, from, size);
	if (target < source) {
		while (size >= WORD) {
			*(word *)target = *(const word *)source;
			target += WORD;
			source += WORD;
			size -= WORD;
		}
		copy_bytes(target, source, size);
		return to;
	}
	while (size >= WORD) {
		size -= WORD;
		*(word *)(target + size) = *(const word *)(source + size);
	}
	while (size > 0) {
		size--;
		target[size] = source[size];
	}
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101UL;
	void *target = to;
	size_t count = size / WORD;

	if (size < WORD) {
		__asm__ volatile("rep stosb" : "+D"(target), "+c"(size) : "a"(pattern) : "memory");
		return to;
	}
	__asm__ volatile("rep stosq" : "+D"(target), "+c"(count) : "a"(pattern) : "memory");
	*(word *)((char *)to + size - WORD) = pattern;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *left = a, *right = b;

	while (size >= WORD && *(const word *)left == *(const word *)right) {
		left += WORD;
		right += WORD;
		size -= WORD;
	}
	for (; size > 0; left++, right++, size--)
		if (*left != *right)
			return *left - *right;
	return 0;
}
