/* CRC-32 against its published check value and a bit-by-bit computation. */
#include "tests/unit/unit.h"

static uint32_t bitwise(const uint8_t *data, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

static void check_value(void)
{
	CHECK(crc32(0, "123456789", 9) == 0xcbf43926u);
	CHECK(crc32(0, "", 0) == 0);
}

static void agrees(void)
{
	uint8_t data[300];

	for (int i = 0; i < 200; i++) {
		size_t size = unit_random_below(sizeof(data)), cut = unit_random_below(size + 1);

		for (size_t byte = 0; byte < size; byte++)
			data[byte] = (uint8_t)unit_random();
		CHECK(crc32(0, data, size) == bitwise(data, size));
		CHECK(crc32(crc32(0, data, cut), data + cut, size - cut) == bitwise(data, size));
	}
}

UNIT_MAIN(UNIT_CASE("crc32 gives the check value of the standard", check_value),
          UNIT_CASE("crc32 agrees with a computation by bits, in one piece and in two", agrees))
