/*
 * Repeatable random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", 2021), seeded by splitmix64. The same seed gives the same sequence everywhere.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state[4];
};

/* A bijection of 64-bit words in which every bit of the result depends on every bit of the argument. */
static inline uint64_t random_mix(uint64_t word)
{
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return word ^ word >> 31;
}

static inline void random_seed(struct random *random, uint64_t seed)
{
	for (unsigned i = 0; i < 4; i++)
		random->state[i] = random_mix(seed += 0x9e3779b97f4a7c15);
}

static inline uint64_t random_rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

/* The next 64 bits. */
static inline uint64_t random_next(struct random *random)
{
	uint64_t *s = random->state;
	uint64_t result = random_rotate(s[1] * 5, 7) * 9, shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = random_rotate(s[3], 45);
	return result;
}

/* From 0 to count - 1, count > 0; the bias is below count / 2^64. */
static inline uint64_t random_below(struct random *random, uint64_t count)
{
	return (uint64_t)((unsigned __int128)random_next(random) * count >> 64);
}

/* From low to high, both included. */
static inline int64_t random_between(struct random *random, int64_t low, int64_t high)
{
	return low + (int64_t)random_below(random, (uint64_t)(high - low) + 1);
}

/* From 0 up to, but not including, 1. */
static inline double random_fraction(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

#endif
