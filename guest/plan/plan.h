/*
 * The plan: one program run a line.
 *
 *     # comment
 *     ID [KEY=VALUE ...] -- PROGRAM [ARGUMENT ...]
 *
 * ID: letters, digits and "._-", at most PLAN_ID_MAX - 1. Words are separated by blanks; a word may hold
 * "double quoted" parts, in which \" and \\ stand for " and \. Numbers are decimal with an optional suffix K,
 * M or G (powers of 1000 for ticks and repeat, of 1024 for memory). Keys:
 *
 *     ticks=N       most ticks of one repetition (default: none but the launcher's)
 *     memory=N      most bytes of user memory (default: all)
 *     repeat=N      repetitions (default 1)
 *     env=NAME=VALUE   one variable of the environment; may be given again
 *     uid=N  cwd=PATH  stdin=PATH  (defaults 0, /, /dev/null)
 *     backend=NAME  the mechanism that protects the libraries of the program (default none)
 *     scrub=none|general|vector   what a gate clears on the way out (default none)
 *     budget=N      most ticks of one library call (default: the kernel's)
 *     defer=watch|flag   how an event waits for the end of a library call: by a watchpoint at the gate's
 * exit, or by a flag that the program has to look at (PORTCULLIS_THREAD_PAGE_PENDING), for comparison
 * (default watch)
 *
 * A key is given once at most (but for env). A line is shorter than PLAN_LINE_MAX bytes and holds no control
 * character.
 *
 * The same parser runs in the launcher, which refuses a bad plan before it boots anything, and in the kernel.
 */
#ifndef GUEST_PLAN_PLAN_H
#define GUEST_PLAN_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_ID_MAX    128
#define PLAN_WORDS_MAX 256
#define PLAN_LINE_MAX  8192

/* Registers that a gate clears when it leaves a library: none, the scratch general ones, and the vector ones
 * too. */
enum plan_scrub { PLAN_SCRUB_NONE, PLAN_SCRUB_GENERAL, PLAN_SCRUB_VECTOR };

enum plan_defer { PLAN_DEFER_WATCH, PLAN_DEFER_FLAG };

struct plan_line {
	char id[PLAN_ID_MAX];
	const char *backend; /* name; default "none" */
	enum plan_scrub scrub;
	enum plan_defer defer;
	uint64_t budget; /* ticks of one library call, 0: the kernel's default */
	uint64_t ticks;  /* 0: no limit */
	uint64_t memory; /* bytes, 0: no limit */
	uint64_t repeat;
	uint32_t uid;
	const char *cwd;
	const char *input;                    /* stdin */
	const char *argv[PLAN_WORDS_MAX + 1]; /* NULL-terminated; argv[0] is the program's path */
	const char *envp[PLAN_WORDS_MAX + 1]; /* NULL-terminated */
	char text[PLAN_LINE_MAX];             /* the strings that the pointers above point into */
};

/* What plan_next() found. */
enum plan_result { PLAN_LINE, PLAN_END, PLAN_ERROR };

/*
 * Parses the next line of the plan text [*cursor, end). *cursor and *number (of the line, from 1) advance. On
 * PLAN_ERROR, error holds a sentence without the line number ("unknown key \"tick\"; did you mean
 * \"ticks\"?").
 */
enum plan_result plan_next(const char **cursor, const char *end, unsigned *number, struct plan_line *line,
                           char *error, size_t error_size);

#endif
