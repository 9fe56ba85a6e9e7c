/*
 * Command lines of workloads: `--name value` pairs from a table. What is wrong with one is told in one
 * sentence on stderr, and the program ends with status 2.
 */
#ifndef COMMON_ARGUMENTS_H
#define COMMON_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

/* One option: a number from least to most, or one of the `choices` (NULL-terminated; *number is its index).
 */
struct argument {
	const char *name; /* with the two dashes */
	const char *help;
	uint64_t *number; /* holds the default */
	uint64_t least, most;
	const char *const *choices;
};

/*
 * Parses all arguments by the table of `count` options; --help prints them, with `purpose`, and ends with
 * status 0. A number is decimal with an optional suffix K, M or G (powers of 1024).
 */
void arguments_parse(const char *program, const char *purpose, const struct argument *table, size_t count,
                     int argc, char **argv);

#endif
