/*
 * A 64-bit digest of a sequence of answers: equal sequences have equal digests, and different ones differ
 * with near certainty. Not a cryptographic hash.
 */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/random.h"

static inline uint64_t digest_word(uint64_t digest, uint64_t word)
{
	return random_rotate(digest ^ word, 29) * 0x9fb21c651e98df25;
}

/* `size` bytes and their number, at two to three instructions a word. */
static inline uint64_t digest_bytes(uint64_t digest, const void *bytes, size_t size)
{
	const char *at = bytes;
	uint64_t word = 0;

	digest = digest_word(digest, size);
#pragma GCC unroll 8
	for (; size >= sizeof(word); size -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		digest = (digest ^ word) * 0x9fb21c651e98df25; /* for every word a bijection of the digest */
	}
	word = 0;
	memcpy(&word, at, size);
	return digest_word(digest, word);
}

/* What to print: 48 bits, which a double and so every reader of JSON keeps exactly. */
static inline uint64_t digest_end(uint64_t digest)
{
	return random_mix(digest) >> 16;
}

#endif
