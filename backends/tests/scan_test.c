/* The stray-instruction scanner against an oracle that decodes every start on its own, forwards. */
#include <string.h>

#include "check.h"
#include "pku/scan.h"

#define PAGE  4096
#define TOTAL (PAGE + 32)

/* What a processor that decodes at `start` finds; the SDM's instruction format, written independently of
 * scan.c. */
static int decode(const uint8_t *bytes, size_t start, size_t end)
{
	static const uint8_t legacy[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3};
	size_t at = start;

	while (at < end && (memchr(legacy, bytes[at], sizeof(legacy)) || bytes[at] / 16 == 4))
		at++;
	if (at + 3 > end || at + 3 - start > 15 || bytes[at] != 0x0f)
		return -1;
	if (bytes[at + 1] == 0x01 && bytes[at + 2] == 0xef)
		return STRAY_WRPKRU;
	if (bytes[at + 2] >= 0xc0)
		return -1;
	if (bytes[at + 1] == 0xae && (bytes[at + 2] & 0x38) == 0x28)
		return STRAY_XRSTOR;
	if (bytes[at + 1] == 0xc7 && (bytes[at + 2] & 0x38) == 0x18)
		return STRAY_XRSTORS;
	return -1;
}

/* Do scanner and oracle name the same starts, each once? `after_size` bytes follow the page. */
static bool agrees(const uint8_t *bytes, size_t after_size, char *problem, size_t problem_size)
{
	struct stray_text text = {bytes, PAGE, bytes + PAGE, after_size};
	static int found[PAGE];
	size_t cursor = 0;
	struct stray stray;

	for (size_t i = 0; i < PAGE; i++)
		found[i] = -1;
	while (stray_next(&text, &cursor, &stray)) {
		for (size_t i = stray.first; i <= stray.last; i++) {
			if (i >= PAGE || found[i] >= 0) {
				snprintf(problem, problem_size, "start %zu twice or outside", i);
				return false;
			}
			found[i] = (int)stray.kind;
		}
	}
	for (size_t i = 0; i < PAGE; i++) {
		int expected = decode(bytes, i, PAGE + after_size);

		if (found[i] != expected) {
			snprintf(problem, problem_size, "at %zu found %d, expected %d", i, found[i],
			         expected);
			return false;
		}
	}
	return true;
}

/* Bytes from the alphabet of prefixes and opcodes, so that a page is full of near misses. */
static void random_page(uint64_t *state, uint8_t *bytes, bool dense)
{
	static const uint8_t alphabet[] = {0x0f, 0x0f, 0x01, 0xef, 0xae, 0x28, 0xe8, 0x6c,
	                                   0xc7, 0x18, 0xd8, 0x48, 0x40, 0x66, 0x67, 0xf2,
	                                   0xf3, 0xf0, 0x2e, 0x65, 0x90, 0x4f, 0x3f, 0x50};

	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = dense ? alphabet[test_random_below(state, sizeof(alphabet))]
		                 : (uint8_t)test_random(state);
	for (unsigned i = 0; i < 20; i++) {
		size_t at = test_random_below(state, TOTAL - 20);

		memset(bytes + at, 0x48, test_random_below(state, 17));
		memcpy(bytes + at + 17, "\x0f\x01\xef", 3);
	}
}

static void test_random_pages(uint64_t seed)
{
	static uint8_t bytes[TOTAL];
	uint64_t state = seed;
	char problem[96] = "";
	bool good = true;

	for (unsigned i = 0; i < 4000 && good; i++) {
		random_page(&state, bytes, i % 4 != 0);
		if (i % 3 == 0)
			memcpy(bytes + PAGE - i / 3 % 16,
			       "\x40\x48\x65\x0f\x01\xef\x90\x0f\xae\x6c\x24\x08\x90\x90\x90\x90", 16);
		good = agrees(bytes,
		              i % 5 == 0 ? test_random_below(&state, STRAY_AFTER_SIZE) : STRAY_AFTER_SIZE,
		              problem, sizeof(problem));
	}
	check(good, "scanner names the starts that an oracle decodes", "%s", problem);
}

struct row {
	const char *name;
	const char *bytes;
	size_t size;
	size_t border; /* bytes that lie in the page; the rest follows it */
	bool found;
	enum stray_kind kind;
	size_t first, last;
};

static const struct row rows[] = {
        {"a plain WRPKRU", "\x0f\x01\xef", 3, 3, true, STRAY_WRPKRU, 0, 0},
        {"WRPKRU inside an immediate", "\xb8\x0f\x01\xef\x00", 5, 5, true, STRAY_WRPKRU, 1, 1},
        {"WRPKRU split behind its first byte", "\x90\x0f\x01\xef", 4, 2, true, STRAY_WRPKRU, 1, 1},
        {"WRPKRU split behind its second byte", "\x90\x0f\x01\xef", 4, 3, true, STRAY_WRPKRU, 1, 1},
        {"WRPKRU behind the page with prefixes in it", "\x90\x48\x65\x0f\x01\xef", 6, 3, true, STRAY_WRPKRU,
         1, 2},
        {"each prefix before WRPKRU", "\x90\x66\x67\x4f\x0f\x01\xef", 7, 7, true, STRAY_WRPKRU, 1, 4},
        {"only prefixes behind LOCK", "\x48\xf0\x48\x0f\x01\xef", 6, 6, true, STRAY_WRPKRU, 2, 3},
        {"at most twelve prefixes", "\x48\x48\x48\x48\x48\x48\x48\x48\x48\x48\x48\x48\x48\x48\x0f\x01\xef",
         17, 17, true, STRAY_WRPKRU, 2, 14},
        {"XRSTOR of memory", "\x0f\xae\x6c\x24\x08", 5, 5, true, STRAY_XRSTOR, 0, 0},
        {"no LFENCE", "\x0f\xae\xe8", 3, 3, false, 0, 0, 0},
        {"no FXSAVE", "\x0f\xae\x04\x24", 4, 4, false, 0, 0, 0},
        {"XRSTORS of memory", "\x48\x0f\xc7\x1f", 4, 4, true, STRAY_XRSTORS, 0, 1},
        {"no RDRAND or CMPXCHG16B", "\x0f\xc7\xf0\x48\x0f\xc7\x0f", 7, 7, false, 0, 0, 0},
        {"no RDPKRU", "\x0f\x01\xee", 3, 3, false, 0, 0, 0},
        {"nothing cut off", "\x90\x0f\x01", 3, 3, false, 0, 0, 0},
};

static void test_rows(void)
{
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const uint8_t *bytes = (const uint8_t *)row->bytes;
		struct stray_text text = {bytes, row->border, bytes + row->border, row->size - row->border};
		struct stray stray = {0};
		size_t cursor = 0;
		char name[96];
		bool found = stray_next(&text, &cursor, &stray);
		bool right = found == row->found &&
		             (!found || (stray.kind == row->kind && stray.first == row->first &&
		                         stray.last == row->last));

		snprintf(name, sizeof(name), "scanner finds %s", row->name);
		check(right, name, "found %d, kind %d, starts %zu to %zu", found, stray.kind, stray.first,
		      stray.last);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = test_seed(argc, argv);

	test_rows();
	test_random_pages(seed);
	return check_status();
}
