#include "protocol.h"

#include <string.h>

#define WORDS_MAX 8 /* more than any command has */

static const char error[] = "ERROR";
static const char bad_format[] = "CLIENT_ERROR bad command line format";

/* Words of the line: at least and at most, with the name, without noreply. */
static const struct {
	const char *name;
	unsigned least, most;
} verbs[] = {
        [VERB_GET] = {"get", 2, WORDS_MAX}, [VERB_GETS] = {"gets", 2, WORDS_MAX},
        [VERB_SET] = {"set", 5, 5},         [VERB_ADD] = {"add", 5, 5},
        [VERB_REPLACE] = {"replace", 5, 5}, [VERB_APPEND] = {"append", 5, 5},
        [VERB_PREPEND] = {"prepend", 5, 5}, [VERB_CAS] = {"cas", 6, 6},
        [VERB_INCR] = {"incr", 3, 3},       [VERB_DECR] = {"decr", 3, 3},
        [VERB_DELETE] = {"delete", 2, 3},   [VERB_STATS] = {"stats", 1, 1},
        [VERB_VERSION] = {"version", 1, 1}, [VERB_QUIT] = {"quit", 1, 1},
};

static bool is(struct token token, const char *text)
{
	return token.size == strlen(text) && memcmp(token.at, text, token.size) == 0;
}

struct token protocol_word(const char **at, const char *end)
{
	struct token token;

	while (*at < end && **at == ' ')
		++*at;
	token.at = *at;
	while (*at < end && **at != ' ')
		++*at;
	token.size = (size_t)(*at - token.at);
	return token;
}

bool protocol_number(struct token token, uint64_t *number)
{
	uint64_t value = 0;

	for (size_t i = 0; i < token.size; i++) {
		unsigned digit = (unsigned)token.at[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*number = value;
	return token.size > 0;
}

static bool signed_number(struct token token, int64_t *number)
{
	bool negative = token.size > 0 && token.at[0] == '-';
	uint64_t value;

	token.at += negative;
	token.size -= negative;
	if (!protocol_number(token, &value) || value > INT64_MAX)
		return false;
	*number = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

static const char *parse_storage(const struct token *words, struct command *command)
{
	uint64_t flags;
	int64_t size;

	if (!protocol_number(words[2], &flags) || flags > UINT32_MAX ||
	    !signed_number(words[3], &command->expires) || !signed_number(words[4], &size))
		return bad_format;
	if (size < 0 || size > PROTOCOL_DATA_MAX)
		return bad_format;
	if (command->verb == VERB_CAS && !protocol_number(words[5], &command->number))
		return bad_format;
	command->flags = (uint32_t)flags;
	command->size = (size_t)size;
	return NULL;
}

/* A time of 0 is what clients of the past sent. */
static const char *parse_delete(const struct token *words, unsigned count)
{
	if (count == 3 && !is(words[2], "0"))
		return "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
	return NULL;
}

static const char *parse_words(const struct token *words, unsigned count, struct command *command)
{
	if (command->verb >= VERB_STATS)
		return NULL;
	command->key = words[1];
	if (words[1].size > PROTOCOL_KEY_MAX)
		return bad_format;
	if (command->verb >= VERB_SET && command->verb <= VERB_CAS)
		return parse_storage(words, command);
	if (command->verb == VERB_DELETE)
		return parse_delete(words, count);
	if (command->verb >= VERB_INCR && !protocol_number(words[2], &command->number))
		return "CLIENT_ERROR invalid numeric delta argument";
	return NULL;
}

const char *protocol_parse(const char *line, size_t size, struct command *command)
{
	const char *at = line, *end = line + size;
	struct token words[WORDS_MAX];
	unsigned count = 0;

	*command = (struct command){0};
	while (count < WORDS_MAX && (words[count] = protocol_word(&at, end)).size)
		count++;
	if (count == 0)
		return error;
	for (unsigned verb = 0; verb < sizeof(verbs) / sizeof(verbs[0]); verb++) {
		if (!is(words[0], verbs[verb].name))
			continue;
		command->verb = (enum verb)verb;
		if (verb >= VERB_SET && verb <= VERB_DELETE && is(words[count - 1], "noreply")) {
			command->quiet = true;
			count--;
		}
		if (count < verbs[verb].least || count > verbs[verb].most)
			return error;
		return parse_words(words, count, command);
	}
	return error;
}
