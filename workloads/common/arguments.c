#include "common/arguments.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *program_name;

static void print_option(const struct argument *option)
{
	printf("  %-18s %s", option->name, option->help);
	if (option->choices) {
		printf(": ");
		for (size_t i = 0; option->choices[i]; i++)
			printf("%s%s", i ? " | " : "", option->choices[i]);
		printf(" (default %s)\n", option->choices[*option->number]);
		return;
	}
	printf(", %" PRIu64 " to %" PRIu64 " (default %" PRIu64 ")\n", option->least, option->most,
	       *option->number);
}

static void parse_choice(const struct argument *option, const char *text)
{
	for (size_t i = 0; option->choices[i]; i++) {
		if (strcmp(option->choices[i], text) == 0) {
			*option->number = i;
			return;
		}
	}
	fprintf(stderr, "%s: %s %s: must be one of", program_name, option->name, text);
	for (size_t i = 0; option->choices[i]; i++)
		fprintf(stderr, " %s", option->choices[i]);
	fprintf(stderr, "\n");
	exit(2);
}

/* The factor of a suffix, 0: it is none. */
static uint64_t factor_of(const char *suffix)
{
	if (*suffix == 0)
		return 1;
	if (suffix[1] != 0)
		return 0;
	switch (*suffix) {
	case 'K':
		return 1 << 10;
	case 'M':
		return 1 << 20;
	case 'G':
		return 1 << 30;
	default:
		return 0;
	}
}

static void parse_number(const struct argument *option, const char *text)
{
	uint64_t value = 0, factor;
	bool valid = *text >= '0' && *text <= '9';
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		valid &= !__builtin_mul_overflow(value, 10, &value) &&
		         !__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	factor = factor_of(at);
	if (!valid || factor == 0 || __builtin_mul_overflow(value, factor, &value) || value < option->least ||
	    value > option->most) {
		fprintf(stderr, "%s: %s %s: not a number from %" PRIu64 " to %" PRIu64 "\n", program_name,
		        option->name, text, option->least, option->most);
		exit(2);
	}
	*option->number = value;
}

static const struct argument *find(const struct argument *table, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	fprintf(stderr, "%s: %s: unknown option; %s --help lists them\n", program_name, name, program_name);
	exit(2);
}

static _Noreturn void help(const char *purpose, const struct argument *table, size_t count)
{
	printf("usage: %s [OPTION VALUE]...\n\n%s\n\n", program_name, purpose);
	for (size_t i = 0; i < count; i++)
		print_option(&table[i]);
	exit(0);
}

void arguments_parse(const char *program, const char *purpose, const struct argument *table, size_t count,
                     int argc, char **argv)
{
	program_name = program;
	for (int i = 1; i < argc; i++) {
		const struct argument *option;

		if (strcmp(argv[i], "--help") == 0)
			help(purpose, table, count);
		option = find(table, count, argv[i]);
		if (++i == argc) {
			fprintf(stderr, "%s: %s: a value must follow\n", program, option->name);
			exit(2);
		}
		if (option->choices)
			parse_choice(option, argv[i]);
		else
			parse_number(option, argv[i]);
	}
}
