/* The string functions against byte loops. */
#include "tests/unit/unit.h"

#define AREA 256

static unsigned char area[AREA], expected[AREA];

static void fill(void)
{
	for (size_t i = 0; i < AREA; i++)
		area[i] = expected[i] = (unsigned char)(i * 7 + 3);
}

static bool area_is_expected(void)
{
	for (size_t i = 0; i < AREA; i++)
		if (area[i] != expected[i])
			return false;
	return true;
}

static void copies(void)
{
	for (size_t size = 0; size < 70; size++)
		for (size_t offset = 0; offset < 9; offset++) {
			fill();
			for (size_t i = 0; i < size; i++)
				expected[128 + offset + i] = expected[i + 1];
			CHECK(memcpy(area + 128 + offset, area + 1, size) == area + 128 + offset);
			CHECK(area_is_expected());
		}
}

static void moves(void)
{
	unsigned char before[AREA];

	for (size_t size = 0; size < 70; size++)
		for (size_t from = 60; from < 90; from++) {
			fill();
			for (size_t i = 0; i < AREA; i++)
				before[i] = area[i];
			for (size_t i = 0; i < size; i++)
				expected[75 + i] = before[from + i];
			CHECK(memmove(area + 75, area + from, size) == area + 75);
			CHECK(area_is_expected());
		}
}

static void fills(void)
{
	for (size_t size = 0; size < 70; size++)
		for (size_t offset = 0; offset < 9; offset++) {
			fill();
			for (size_t i = 0; i < size; i++)
				expected[offset + i] = 0xa5;
			CHECK(memset(area + offset, 0x1a5, size) == area + offset);
			CHECK(area_is_expected());
		}
}

static void compares_memory(void)
{
	unsigned char a[40], b[40];

	for (size_t size = 0; size <= 40; size++)
		for (size_t differs = 0; differs <= size; differs++) {
			for (size_t i = 0; i < 40; i++)
				a[i] = b[i] = (unsigned char)i;
			if (differs < size)
				a[differs] = 0xff;
			CHECK((memcmp(a, b, size) > 0) == (differs < size));
			CHECK((memcmp(b, a, size) < 0) == (differs < size));
		}
}

static void lengths(void)
{
	CHECK(strlen("") == 0);
	CHECK(strlen("abc") == 3);
	CHECK(strnlen("abc", 2) == 2);
	CHECK(strnlen("abc", 9) == 3);
}

static void compares_strings(void)
{
	CHECK(strcmp("a", "a") == 0);
	CHECK(strcmp("a", "ab") < 0);
	CHECK(strcmp("\xff", "a") > 0);
	CHECK(strncmp("abc", "abd", 2) == 0);
	CHECK(strncmp("abc", "abd", 3) < 0);
	CHECK(strncmp("a", "a", 9) == 0);
}

static void finds(void)
{
	const char *text = "a=b=c";

	CHECK(strchr(text, '=') == text + 1);
	CHECK(strchr(text, 0) == text + 5);
	CHECK(strchr(text, 'x') == NULL);
}

static void copies_bounded(void)
{
	char to[4] = "zzz";

	CHECK(strlcpy(to, "abcdef", sizeof(to)) == 6);
	CHECK(strcmp(to, "abc") == 0);
	CHECK(strlcpy(to, "", sizeof(to)) == 0 && to[0] == 0);
	CHECK(strlcpy(to, "abc", 0) == 3 && to[0] == 0);
}

UNIT_MAIN(UNIT_CASE("memcpy copies every size and alignment, and nothing else", copies),
          UNIT_CASE("memmove copies overlapping ranges in both directions", moves),
          UNIT_CASE("memset fills every size and alignment, and nothing else", fills),
          UNIT_CASE("memcmp orders by the first byte that differs", compares_memory),
          UNIT_CASE("strlen and strnlen count", lengths),
          UNIT_CASE("strcmp and strncmp order by unsigned bytes", compares_strings),
          UNIT_CASE("strchr finds the first, and the NUL", finds),
          UNIT_CASE("strlcpy always terminates", copies_bounded))
