#include "tx/input.h"

#include <string.h>

#include "tx/tpcc.h"

#define NAMES 1000

/* The constants C of clause 2.1.6. */
#define C_CUSTOMER 259
#define C_ITEM     7911
#define C_NAME_RUN 223

int64_t between(int64_t low, int64_t high)
{
	return random_between(&tpcc_random, low, high);
}

bool percent(unsigned chance)
{
	return between(1, 100) <= chance;
}

static int64_t skewed(int64_t a, int64_t constant, int64_t low, int64_t high)
{
	int64_t coarse = between(0, a);

	return ((coarse | between(low, high)) + constant) % (high - low + 1) + low;
}

int64_t skewed_customer(void)
{
	return skewed(1023, C_CUSTOMER, 1, scale.customers);
}

int64_t skewed_item(void)
{
	return skewed(8191, C_ITEM, 1, scale.items);
}

int64_t skewed_name(void)
{
	return skewed(255, C_NAME_RUN, 0, (scale.customers < NAMES ? scale.customers : NAMES) - 1);
}

void last_name(char name[static NAME_SIZE], int64_t number)
{
	static const char *const syllables[] = {"BAR", "OUGHT", "ABLE",  "PRI",   "PRES",
	                                        "ESE", "ANTI",  "CALLY", "ATION", "EING"};

	name[0] = 0;
	for (int64_t unit = NAMES / 10; unit > 0; unit /= 10)
		strcat(name, syllables[number / unit % 10]);
}

static char *random_text(char *text, int64_t length, unsigned characters)
{
	static const char set[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (int64_t i = 0; i < length; i++)
		text[i] = set[random_below(&tpcc_random, characters)];
	text[length] = 0;
	return text;
}

char *letters(char *text, int64_t shortest, int64_t longest)
{
	return random_text(text, between(shortest, longest), 62);
}

char *digits(char *text, int64_t length)
{
	return random_text(text, length, 10);
}
