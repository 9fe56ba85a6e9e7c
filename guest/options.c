#include "options.h"

#include "abi/boot.h"

static char command[BOOT_COMMAND_MAX];

void options_init(const char *text)
{
	strlcpy(command, text, sizeof(command));
}

/* The text after "key=", or NULL. */
static const char *find(const char *key)
{
	size_t length = strlen(key);
	const char *word = command;

	while (*word) {
		while (*word == ' ')
			word++;
		if (!strncmp(word, key, length) && word[length] == '=')
			return word + length + 1;
		while (*word && *word != ' ')
			word++;
	}
	return NULL;
}

uint64_t option_number(const char *key, uint64_t otherwise)
{
	const char *text = find(key), *digit = text;
	uint64_t value = 0;

	if (!text)
		return otherwise;
	while (*digit >= '0' && *digit <= '9')
		value = value * 10 + (uint64_t)(*digit++ - '0');
	if (digit == text || (*digit && *digit != ' '))
		panic("command line: %s: not a number", key);
	return value;
}

bool option_holds(const char *key, const char *name)
{
	const char *at = find(key);
	size_t length = strlen(name);

	while (at && *at && *at != ' ') {
		if (!strncmp(at, name, length) && (!at[length] || at[length] == ' ' || at[length] == ','))
			return true;
		while (*at && *at != ' ' && *at != ',')
			at++;
		if (*at == ',')
			at++;
	}
	return false;
}
