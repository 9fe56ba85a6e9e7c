#include "host/options.h"

#include "host/buffer.h"
#include "host/report.h"
#include "host/status.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 26

static _Noreturn void refuse(const char *command)
{
	fprintf(stderr, "See `portcullis %s --help`.\n", command);
	exit(STATUS_USAGE);
}

static bool parse_number(const char *text, uint64_t *number)
{
	static const char suffixes[] = "KMG";
	const char *at = text;

	for (*number = 0; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
			return false;
	if (at == text)
		return false;
	for (const char *suffix = suffixes; *at && *suffix; suffix++) {
		if (__builtin_mul_overflow(*number, (uint64_t)1000, number))
			return false;
		if (*at == *suffix)
			return !at[1];
	}
	return !*at;
}

static void set_number(const struct option_row *row, const char *text, const char *command)
{
	uint64_t number;

	if (!parse_number(text, &number))
		report_error("--%s %s: not a number", row->name, text);
	else if (number < row->min || number > row->max)
		report_error("--%s %s: must be from %lu to %lu", row->name, text, row->min, row->max);
	else {
		*(uint64_t *)row->value = number;
		return;
	}
	refuse(command);
}

static void add_word(const struct option_row *row, const char *text, const char *command)
{
	struct buffer *words = row->value;
	const char *equals = strchr(text, '=');

	if (!equals || equals == text || strpbrk(text, " \t\n")) {
		report_error("--%s %s: expected %s without blanks", row->name, text, row->argument);
		refuse(command);
	}
	buffer_printf(words, "%s%s", words->size ? " " : "", text);
}

static void set(const struct option_row *row, const char *text, const char *command)
{
	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)row->value = true;
		break;
	case OPTION_TEXT:
		*(const char **)row->value = text;
		break;
	case OPTION_NUMBER:
		set_number(row, text, command);
		break;
	case OPTION_WORDS:
		add_word(row, text, command);
		break;
	}
}

/* The row for "--name", "--name=VALUE", "-x" or "-xVALUE"; *value: the text after it, or NULL. */
static const struct option_row *find(const struct option_row *table, const char *word, const char **value)
{
	bool is_long = word[1] == '-';
	size_t length = is_long ? strcspn(word + 2, "=") : 1;

	*value = is_long ? (word[2 + length] ? word + 2 + length + 1 : NULL) : (word[2] ? word + 2 : NULL);
	for (const struct option_row *row = table; row->name; row++)
		if (is_long ? strlen(row->name) == length && !strncmp(row->name, word + 2, length)
		            : row->letter == word[1])
			return row;
	return NULL;
}

void options_parse(const struct option_row *table, const char *command, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct option_row *row;
		const char *value;

		if (argv[i][0] != '-' || !argv[i][1]) {
			report_error("unexpected word \"%s\"", argv[i]);
			refuse(command);
		}
		row = find(table, argv[i], &value);
		if (!row) {
			report_error("unknown option %s", argv[i]);
			refuse(command);
		}
		if (row->kind == OPTION_FLAG && value) {
			report_error("--%s takes no value", row->name);
			refuse(command);
		}
		if (row->kind != OPTION_FLAG && !value) {
			value = argv[++i]; /* NULL at the end */
			if (!value) {
				report_error("--%s needs a value: %s", row->name, row->argument);
				refuse(command);
			}
		}
		set(row, value, command);
	}
}

/* One row: its forms in the first column, its help, line by line, in the second. */
static void print_row(const struct option_row *row)
{
	char left[64];
	const char *line = row->help;

	snprintf(left, sizeof(left), "%c%c%s--%s %s", row->letter ? '-' : ' ',
	         row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
	         row->argument ? row->argument : "");
	for (;;) {
		int length = (int)strcspn(line, "\n");

		printf("  %-*s  %.*s\n", HELP_COLUMN, left, length, line);
		line += length;
		if (!*line++)
			break;
		left[0] = '\0';
	}
}

void options_help(const struct option_row *table)
{
	for (const struct option_row *row = table; row->name; row++)
		print_row(row);
}
