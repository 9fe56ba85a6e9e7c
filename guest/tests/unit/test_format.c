/* snprintf against the texts that ISO C prescribes. */
#include "tests/unit/unit.h"

static bool formats(const char *expected, const char *format, ...)
{
	char text[128];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	return strcmp(text, expected) == 0 && length == (int)strlen(expected);
}

static void numbers(void)
{
	CHECK(formats("0 -1 2147483647 -2147483648", "%d %i %d %d", 0, -1, 2147483647, -2147483647 - 1));
	CHECK(formats("-9223372036854775808", "%ld", INT64_MIN));
	CHECK(formats("18446744073709551615 4294967295", "%llu %u", UINT64_MAX, UINT32_MAX));
	CHECK(formats("deadbeef 0 ffffffffffffffff", "%x %x %lx", 0xdeadbeef, 0, UINT64_MAX));
	CHECK(formats("12 34", "%zu %zd", (size_t)12, (size_t)34));
	CHECK(formats("0x1234", "%p", (void *)0x1234));
}

static void widths(void)
{
	CHECK(formats("   42|42   |00042|-0042|  -42", "%5d|%-5d|%05d|%05d|%5d", 42, 42, 42, -42, -42));
	CHECK(formats("  abc|abc  |abcdef", "%5s|%-5s|%3s", "abc", "abc", "abcdef"));
	CHECK(formats("  x|0000ff", "%3c|%06x", 'x', 0xff));
	CHECK(formats("   42", "%*d", 5, 42));
}

static void strings(void)
{
	CHECK(formats("ab|abc|", "%.2s|%.9s|%.0s", "abc", "abc", "abc"));
	CHECK(formats("ab|  ab", "%.*s|%4.2s", 2, "abc", "abc"));
	CHECK(formats("(null) 100%", "%s 100%%", NULL));
}

static void truncates(void)
{
	char text[4] = {'x', 'x', 'x', 'x'};

	CHECK(snprintf(text, 3, "%s", "abcdef") == 6);
	CHECK(strcmp(text, "ab") == 0 && text[3] == 'x');
	CHECK(snprintf(text, 0, "%d", 12345) == 5 && text[0] == 'a');
}

UNIT_MAIN(UNIT_CASE("numbers print in both bases and all lengths", numbers),
          UNIT_CASE("widths pad on the side and with the character that the flags say", widths),
          UNIT_CASE("a precision limits a string", strings),
          UNIT_CASE("a text that is too long is cut and terminated, its length returned", truncates))
