#include "plan/plan.h"

#include <stdbool.h>

/* The same file is compiled for the kernel and for the launcher. */
#if __STDC_HOSTED__
#include <stdio.h>
#include <string.h>
#else
#include "lib/lib.h"
#endif

#define SUGGESTION_DISTANCE 2  /* edits between a key and what was probably meant */
#define KEY_MAX             16 /* characters of a key, for suggestions */

/* One line while it is parsed. */
struct parser {
	const char *at, *end; /* of the line's text */
	struct plan_line *line;
	char *text; /* next free byte of line->text; a line's words, each with its NUL, always fit */
	unsigned envc;
	unsigned seen; /* bit per key that was given */
	char *error;
	size_t error_size;
};

#define FAIL(parser, ...) (snprintf((parser)->error, (parser)->error_size, __VA_ARGS__), false)

/* ---- words ------------------------------------------------------------------------------------------------
 */

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r';
}

static bool skip_blanks(struct parser *parser)
{
	while (parser->at < parser->end && is_blank(*parser->at))
		parser->at++;
	return parser->at < parser->end;
}

/* The part of a word after its opening quote, up to and with the closing one. */
static bool read_quoted(struct parser *parser)
{
	for (parser->at++; parser->at < parser->end; parser->at++) {
		if (*parser->at == '"') {
			parser->at++;
			return true;
		}
		if (*parser->at == '\\') {
			if (++parser->at == parser->end)
				break;
			if (*parser->at != '"' && *parser->at != '\\')
				return FAIL(
				        parser,
				        "\"\\%c\" means nothing between quotes; write \\\\ for a backslash",
				        *parser->at);
		}
		*parser->text++ = *parser->at;
	}
	return FAIL(parser, "a quote is not closed");
}

/* The next word, decoded, or NULL after an error. There is one: skip_blanks() said so. */
static const char *read_word(struct parser *parser)
{
	const char *word = parser->text;

	while (parser->at < parser->end && !is_blank(*parser->at)) {
		if (*parser->at != '"')
			*parser->text++ = *parser->at++;
		else if (!read_quoted(parser))
			return NULL;
	}
	*parser->text++ = '\0';
	return word;
}

/* ---- values -----------------------------------------------------------------------------------------------
 */

/* A number with an optional suffix, a power of `unit`. */
static bool read_number(struct parser *parser, const char *key, const char *value, uint64_t unit,
                        uint64_t *number)
{
	static const char suffixes[] = "KMG";
	const char *digit = value;
	uint64_t result = 0;

	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(result, (uint64_t)10, &result) ||
		    __builtin_add_overflow(result, (uint64_t)(*digit - '0'), &result))
			return FAIL(parser, "%s=%s: the number is too large", key, value);
	if (digit == value)
		return FAIL(parser, "%s=%s: not a number", key, value);
	for (unsigned i = 0; *digit && suffixes[i]; i++) {
		if (__builtin_mul_overflow(result, unit, &result))
			return FAIL(parser, "%s=%s: the number is too large", key, value);
		if (*digit == suffixes[i]) {
			digit++;
			break;
		}
	}
	if (*digit)
		return FAIL(parser, "%s=%s: not a number (digits and at most one of K, M, G)", key, value);
	*number = result;
	return true;
}

static bool set_ticks(struct parser *parser, const char *key, const char *value)
{
	return read_number(parser, key, value, 1000, &parser->line->ticks);
}

static bool set_budget(struct parser *parser, const char *key, const char *value)
{
	return read_number(parser, key, value, 1000, &parser->line->budget);
}

static bool set_memory(struct parser *parser, const char *key, const char *value)
{
	return read_number(parser, key, value, 1024, &parser->line->memory);
}

static bool set_repeat(struct parser *parser, const char *key, const char *value)
{
	if (!read_number(parser, key, value, 1000, &parser->line->repeat))
		return false;
	if (!parser->line->repeat)
		return FAIL(parser, "%s=%s: at least one repetition is needed", key, value);
	return true;
}

static bool set_uid(struct parser *parser, const char *key, const char *value)
{
	uint64_t uid;

	if (!read_number(parser, key, value, 1000, &uid))
		return false;
	if (uid >= UINT32_MAX)
		return FAIL(parser, "%s=%s: the number is too large", key, value);
	parser->line->uid = (uint32_t)uid;
	return true;
}

static bool set_path(struct parser *parser, const char *key, const char *value, const char **path)
{
	if (*value != '/')
		return FAIL(parser, "%s=%s: not an absolute path", key, value);
	*path = value;
	return true;
}

static bool set_cwd(struct parser *parser, const char *key, const char *value)
{
	return set_path(parser, key, value, &parser->line->cwd);
}

static bool set_input(struct parser *parser, const char *key, const char *value)
{
	return set_path(parser, key, value, &parser->line->input);
}

static bool set_backend(struct parser *parser, const char *key, const char *value)
{
	if (!*value)
		return FAIL(parser, "%s= needs a name", key);
	parser->line->backend = value;
	return true;
}

/* One of the names: its index. `expected` is the list in words. */
static bool set_choice(struct parser *parser, const char *key, const char *value, const char *const names[],
                       const char *expected, unsigned *to)
{
	for (unsigned i = 0; names[i]; i++) {
		if (!strcmp(value, names[i])) {
			*to = i;
			return true;
		}
	}
	return FAIL(parser, "%s=%s: expected %s", key, value, expected);
}

static bool set_scrub(struct parser *parser, const char *key, const char *value)
{
	static const char *const names[] = {
	        [PLAN_SCRUB_NONE] = "none",
	        [PLAN_SCRUB_GENERAL] = "general",
	        [PLAN_SCRUB_VECTOR] = "vector",
	        NULL,
	};

	return set_choice(parser, key, value, names, "none, general or vector", &parser->line->scrub);
}

static bool set_defer(struct parser *parser, const char *key, const char *value)
{
	static const char *const names[] = {[PLAN_DEFER_WATCH] = "watch", [PLAN_DEFER_FLAG] = "flag", NULL};

	return set_choice(parser, key, value, names, "watch or flag", &parser->line->defer);
}

static bool add_variable(struct parser *parser, const char *key, const char *value)
{
	const char *equals = value;

	while (*equals && *equals != '=')
		equals++;
	if (!*equals || equals == value)
		return FAIL(parser, "%s=%s: expected NAME=VALUE", key, value);
	if (parser->envc == PLAN_WORDS_MAX)
		return FAIL(parser, "more than %d variables", PLAN_WORDS_MAX);
	parser->line->envp[parser->envc++] = value;
	return true;
}

/* ---- keys -------------------------------------------------------------------------------------------------
 */

static const struct key {
	const char *name;
	bool (*set)(struct parser *parser, const char *key, const char *value);
	bool repeats;
} keys[] = {
        {"ticks", set_ticks, false},     {"memory", set_memory, false}, {"repeat", set_repeat, false},
        {"env", add_variable, true},     {"uid", set_uid, false},       {"cwd", set_cwd, false},
        {"stdin", set_input, false},     {"scrub", set_scrub, false},   {"budget", set_budget, false},
        {"backend", set_backend, false}, {"defer", set_defer, false},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* Characters to insert, delete or replace to turn a (of size characters) into b; both shorter than KEY_MAX.
 */
static unsigned edit_distance(const char *a, size_t size, const char *b)
{
	unsigned row[KEY_MAX];
	size_t width = strlen(b);

	for (unsigned j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 0; i < size; i++) {
		unsigned diagonal = row[0]++;

		for (size_t j = 0; j < width; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[width];
}

static bool fail_unknown_key(struct parser *parser, const char *name, size_t size)
{
	unsigned nearest = SUGGESTION_DISTANCE + 1;
	const char *meant = NULL;

	for (unsigned i = 0; i < KEY_COUNT && size < KEY_MAX; i++) {
		unsigned distance = edit_distance(name, size, keys[i].name);

		if (distance < nearest) {
			nearest = distance;
			meant = keys[i].name;
		}
	}
	if (meant)
		return FAIL(parser, "unknown key \"%.*s\"; did you mean \"%s\"?", (int)size, name, meant);
	return FAIL(parser, "unknown key \"%.*s\"", (int)size, name);
}

/* One KEY=VALUE. */
static bool set_key(struct parser *parser, const char *word)
{
	size_t size = 0;

	while (word[size] && word[size] != '=')
		size++;
	if (!word[size])
		return FAIL(parser, "expected KEY=VALUE or --, found \"%s\"", word);
	for (unsigned i = 0; i < KEY_COUNT; i++) {
		if (strlen(keys[i].name) != size || memcmp(keys[i].name, word, size))
			continue;
		if (parser->seen & 1U << i && !keys[i].repeats)
			return FAIL(parser, "key \"%s\" is given twice", keys[i].name);
		parser->seen |= 1U << i;
		return keys[i].set(parser, keys[i].name, word + size + 1);
	}
	return fail_unknown_key(parser, word, size);
}

/* ---- lines ------------------------------------------------------------------------------------------------
 */

static bool read_id(struct parser *parser)
{
	const char *word = read_word(parser);
	size_t size;

	if (!word)
		return false;
	size = strlen(word);
	if (size == 0 || size >= PLAN_ID_MAX)
		return FAIL(parser, "an id has 1 to %d characters", PLAN_ID_MAX - 1);
	for (const char *at = word; *at; at++) {
		bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');

		if (!letter && !(*at >= '0' && *at <= '9') && *at != '.' && *at != '_' && *at != '-')
			return FAIL(parser,
			            "id \"%s\": only letters, digits, \".\", \"_\" and \"-\" are allowed",
			            word);
	}
	if (!strcmp(word, "--"))
		return FAIL(parser, "the id is missing");
	memcpy(parser->line->id, word, size + 1);
	return true;
}

static bool read_arguments(struct parser *parser)
{
	unsigned argc = 0;

	while (skip_blanks(parser)) {
		if (argc == PLAN_WORDS_MAX)
			return FAIL(parser, "more than %d arguments", PLAN_WORDS_MAX);
		parser->line->argv[argc] = read_word(parser);
		if (!parser->line->argv[argc++])
			return false;
	}
	if (argc == 0 || !*parser->line->argv[0])
		return FAIL(parser, "no program after --");
	return true;
}

static bool parse_line(struct parser *parser)
{
	if (!read_id(parser))
		return false;
	while (skip_blanks(parser)) {
		const char *start = parser->at, *word = read_word(parser);

		if (!word)
			return false;
		if (!strcmp(word, "--") && *start != '"')
			return read_arguments(parser);
		if (!set_key(parser, word))
			return false;
	}
	return FAIL(parser, "no \"-- PROGRAM\"");
}

static bool check_characters(struct parser *parser)
{
	if (parser->end - parser->at >= PLAN_LINE_MAX)
		return FAIL(parser, "the line is longer than %d bytes", PLAN_LINE_MAX - 1);
	for (const char *at = parser->at; at < parser->end; at++)
		if (((unsigned char)*at < ' ' && !is_blank(*at)) || *at == 0x7f)
			return FAIL(parser, "the line holds a control character (byte 0x%02x)",
			            (unsigned)*at);
	return true;
}

static void set_defaults(struct plan_line *line)
{
	line->id[0] = '\0';
	line->backend = "none";
	line->scrub = PLAN_SCRUB_NONE;
	line->defer = PLAN_DEFER_WATCH;
	line->budget = line->ticks = line->memory = 0;
	line->repeat = 1;
	line->uid = 0;
	line->cwd = "/";
	line->input = "/dev/null";
	memset(line->argv, 0, sizeof(line->argv));
	memset(line->envp, 0, sizeof(line->envp));
}

enum plan_result plan_next(const char **cursor, const char *end, unsigned *number, struct plan_line *line,
                           char *error, size_t error_size)
{
	struct parser parser = {.line = line, .error = error, .error_size = error_size};

	while (*cursor < end) {
		parser.at = parser.end = *cursor;
		while (parser.end < end && *parser.end != '\n')
			parser.end++;
		*cursor = parser.end < end ? parser.end + 1 : end;
		++*number;
		if (!check_characters(&parser))
			return PLAN_ERROR;
		if (!skip_blanks(&parser) || *parser.at == '#')
			continue;
		set_defaults(line);
		parser.text = line->text;
		return parse_line(&parser) ? PLAN_LINE : PLAN_ERROR;
	}
	return PLAN_END;
}
