/* The private C functions of images against those of the host's C library. */
#include <string.h>

#include "check.h"

/* The functions under test, renamed by the build. */
void *image_memcpy(void *to, const void *from, size_t size);
void *image_memmove(void *to, const void *from, size_t size);
void *image_memset(void *to, int byte, size_t size);
int image_memcmp(const void *a, const void *b, size_t size);
void *image_memchr(const void *memory, int byte, size_t size);
size_t image_strlen(const char *text);
size_t image_strnlen(const char *text, size_t limit);
int image_strcmp(const char *a, const char *b);
int image_strncmp(const char *a, const char *b, size_t limit);
char *image_strchr(const char *text, int character);
char *image_strrchr(const char *text, int character);
size_t image_strspn(const char *text, const char *set);
size_t image_strcspn(const char *text, const char *set);
char *image_strstr(const char *text, const char *part);
char *image_strcpy(char *to, const char *from);
char *image_strncpy(char *to, const char *from, size_t size);
int image_atoi(const char *text);

#define SIZE  600
#define STEPS 100000

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static void random_text(uint64_t *state, char *text, size_t most)
{
	size_t length = test_random_below(state, most);

	for (size_t i = 0; i < length; i++)
		text[i] = (char)('a' + test_random_below(state, 3));
	text[length] = 0;
}

static bool memory_agrees(uint64_t *state)
{
	unsigned char ours[SIZE], theirs[SIZE], source[SIZE];
	size_t from = test_random_below(state, SIZE), to = test_random_below(state, SIZE);
	size_t size = test_random_below(state, SIZE - (from > to ? from : to));
	int byte = (int)test_random_below(state, 512);

	for (unsigned i = 0; i < SIZE; i++)
		source[i] = ours[i] = theirs[i] = (unsigned char)test_random(state);
	if (image_memmove(ours + to, ours + from, size) != ours + to)
		return false;
	memmove(theirs + to, theirs + from, size);
	if (memcmp(ours, theirs, SIZE) != 0)
		return false;
	if (image_memcpy(ours + to, source + from, size) != ours + to)
		return false;
	memcpy(theirs + to, source + from, size);
	if (memcmp(ours, theirs, SIZE) != 0 || image_memcmp(ours, theirs, SIZE) != 0)
		return false;
	if (image_memset(ours + from, byte, size) != ours + from)
		return false;
	memset(theirs + from, byte, size);
	return memcmp(ours, theirs, SIZE) == 0 &&
	       sign(image_memcmp(ours + from, source + to, size)) ==
	               sign(memcmp(ours + from, source + to, size)) &&
	       image_memchr(source + from, byte, size) == memchr(source + from, byte, size);
}

static bool text_agrees(uint64_t *state)
{
	char a[16], b[16], part[4], ours[16] = "", theirs[16] = "";
	size_t limit = test_random_below(state, 16);
	int character = (int)('a' + test_random_below(state, 4));

	random_text(state, a, sizeof(a));
	random_text(state, b, sizeof(b));
	random_text(state, part, sizeof(part));
	if (limit == 0)
		character = 0;
	image_strncpy(ours, a, limit);
	strncpy(theirs, a, limit);
	if (memcmp(ours, theirs, sizeof(ours)) != 0)
		return false;
	image_strcpy(ours, b);
	return strcmp(ours, b) == 0 && image_strlen(a) == strlen(a) &&
	       image_strnlen(a, limit) == strnlen(a, limit) &&
	       sign(image_strcmp(a, b)) == sign(strcmp(a, b)) &&
	       sign(image_strncmp(a, b, limit)) == sign(strncmp(a, b, limit)) &&
	       image_strchr(a, character) == strchr(a, character) &&
	       image_strrchr(a, character) == strrchr(a, character) &&
	       image_strspn(a, part) == strspn(a, part) && image_strcspn(a, part) == strcspn(a, part) &&
	       image_strstr(a, part) == strstr(a, part);
}

static bool numbers_agree(void)
{
	static const char *const texts[] = {"0", "12",         " \t\n-7x",    "+5", "",
	                                    "-", "2147483647", "-2147483648", "x1"};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (image_atoi(texts[i]) != atoi(texts[i]))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	uint64_t state = test_seed(argc, argv);
	unsigned memory = 0, text = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		memory += !memory_agrees(&state);
		text += !text_agrees(&state);
	}
	check(memory == 0, "memory functions of images agree with the C library", "%u of %u differ", memory,
	      STEPS);
	check(text == 0, "string functions of images agree with the C library", "%u of %u differ", text,
	      STEPS);
	check(numbers_agree(), "atoi of images agrees with the C library", "it differs");
	return check_status();
}
