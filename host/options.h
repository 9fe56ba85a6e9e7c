/* Command-line options, as rows of a table that is also their --help. */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include <stdint.h>

enum option_kind {
	OPTION_FLAG,   /* value: bool * */
	OPTION_TEXT,   /* value: const char ** */
	OPTION_NUMBER, /* value: uint64_t *, between min and max; K, M, G are powers of 1000 */
	OPTION_WORDS,  /* value: struct buffer *; each use appends KEY=VALUE and a blank before all but the
	                  first */
};

struct option_row {
	const char *name; /* without "--"; NULL ends the table */
	char letter;      /* of the short form, or 0 */
	enum option_kind kind;
	const char *argument; /* for the help: "FILE"; NULL for a flag */
	const char *help;     /* may have several lines */
	void *value;
	uint64_t min, max;
};

/*
 * Takes argv[1] and on: "--name VALUE", "--name=VALUE", "-x", "-xVALUE". An error prints one sentence and
 * ends the launcher with STATUS_USAGE. No operands are taken. `command`: for "see portcullis COMMAND --help".
 */
void options_parse(const struct option_row *table, const char *command, int argc, char **argv);

/* Prints the table on standard output. */
void options_help(const struct option_row *table);

#endif
