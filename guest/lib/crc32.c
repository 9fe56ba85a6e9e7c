/*
 * CRC-32 of IEEE 802.3, a byte at a time. The table's entry for a byte is the sum (exclusive or) of the
 * entries of its bits, so eight constants describe it and the compiler builds it.
 */
#include "lib/lib.h"

#define BIT(i, bit, remainder) ((i) >> (bit)&1 ? (remainder) : 0)
#define ENTRY(i)                                                                                             \
	(BIT(i, 0, 0x77073096u) ^ BIT(i, 1, 0xee0e612cu) ^ BIT(i, 2, 0x076dc419u) ^ BIT(i, 3, 0x0edb8832u) ^ \
	 BIT(i, 4, 0x1db71064u) ^ BIT(i, 5, 0x3b6e20c8u) ^ BIT(i, 6, 0x76dc4190u) ^ BIT(i, 7, 0xedb88320u))
#define ENTRIES4(i)  ENTRY(i), ENTRY((i) + 1), ENTRY((i) + 2), ENTRY((i) + 3)
#define ENTRIES16(i) ENTRIES4(i), ENTRIES4((i) + 4), ENTRIES4((i) + 8), ENTRIES4((i) + 12)
#define ENTRIES64(i) ENTRIES16(i), ENTRIES16((i) + 16), ENTRIES16((i) + 32), ENTRIES16((i) + 48)

static const uint32_t table[256] = {ENTRIES64(0), ENTRIES64(64), ENTRIES64(128), ENTRIES64(192)};

uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *byte = data;

	for (crc = ~crc; size > 0; size--)
		crc = table[(crc ^ *byte++) & 0xff] ^ crc >> 8;
	return ~crc;
}
