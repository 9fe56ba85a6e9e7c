/* The word of options between runner and runtime. */
#include <stdio.h>
#include <string.h>

#include "native/native.h"

struct native_options native_options;

static const struct {
	const char *name;
	int defence;
} defences[] = {
        {"filter", NATIVE_WEAKEN_FILTER},       {"watch", NATIVE_WEAKEN_WATCH},
        {"sigreturn", NATIVE_WEAKEN_SIGRETURN}, {"defer", NATIVE_WEAKEN_DEFER},
        {"rights-check", NATIVE_WEAKEN_RIGHTS}, {"index-check", NATIVE_WEAKEN_INDEX},
};

int options_weaken(const char *names, const char **unknown)
{
	int weaken = 0;

	while (*names && *names != ' ') {
		size_t length = strcspn(names, ", "), i;

		for (i = 0; i < sizeof(defences) / sizeof(defences[0]); i++)
			if (strlen(defences[i].name) == length && !strncmp(defences[i].name, names, length))
				break;
		if (i == sizeof(defences) / sizeof(defences[0])) {
			*unknown = names;
			return -1;
		}
		weaken |= defences[i].defence;
		names += length + (names[length] == ',');
	}
	return weaken;
}

void options_write(const struct native_options *options, char *word)
{
	snprintf(word, NATIVE_OPTIONS_SIZE, "%lx,%x,%x,%x,%lx", options->secret, options->scrub,
	         options->weaken, options->filtered, options->mask);
}

const char *options_read(const char *word)
{
	unsigned filtered;

	if (sscanf(word, "%lx,%x,%x,%x,%lx", &native_options.secret, &native_options.scrub,
	           &native_options.weaken, &filtered, &native_options.mask) != 5)
		return "its options are damaged";
	native_options.filtered = filtered;
	return NULL;
}
