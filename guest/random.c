#include "random.h"

static uint64_t state;

void random_init(uint64_t seed)
{
	state = seed;
}

/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void random_bytes(void *to, size_t size)
{
	uint8_t *byte = to;

	while (size) {
		uint64_t word = next();
		size_t part = MIN(size, sizeof(word));

		memcpy(byte, &word, part);
		byte += part;
		size -= part;
	}
}
