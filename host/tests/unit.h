/*
 * A unit test of the launcher is a program that prints `ok NAME` or `not ok NAME: why` for each of its cases
 * and exits with 1 when one failed:
 *
 *     UNIT_MAIN({"what it claims", function}, ...)
 *
 * A case ends at its first CHECK that does not hold. The program's first argument is the seed of random(); it
 * is printed.
 */
#ifndef HOST_TESTS_UNIT_H
#define HOST_TESTS_UNIT_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit_case {
	const char *name;
	void (*run)(void);
};

static jmp_buf unit_end;
static char unit_why[512];

#define FAIL(...)                                                                                            \
	do {                                                                                                 \
		snprintf(unit_why, sizeof(unit_why), __VA_ARGS__);                                           \
		longjmp(unit_end, 1);                                                                        \
	} while (0)

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			FAIL("%s:%d: %s", __FILE__, __LINE__, #condition);                                   \
	} while (0)

static inline void unit_check_text(const char *found, const char *expected, const char *file, int line)
{
	if (strcmp(found, expected))
		FAIL("%s:%d: found \"%.180s\", expected \"%.180s\"", file, line, found, expected);
}

#define CHECK_TEXT(found, expected) unit_check_text(found, expected, __FILE__, __LINE__)

/* Apart from the loop, whose variables longjmp() might spoil. */
static int unit_holds(void (*run)(void))
{
	if (setjmp(unit_end))
		return 0;
	run();
	return 1;
}

static int unit_run(const struct unit_case *cases, size_t count, int argc, char **argv)
{
	unsigned seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
	int status = 0;

	setvbuf(stdout, NULL, _IOLBF, 0); /* the sanitizers end a program without a flush */
	printf("# seed %u\n", seed);
	for (const struct unit_case *test = cases; test < cases + count; test++) {
		srandom(seed);
		if (unit_holds(test->run)) {
			printf("ok %s\n", test->name);
		} else {
			printf("not ok %s: %s\n", test->name, unit_why);
			status = 1;
		}
	}
	return status;
}

#define UNIT_MAIN(...)                                                                                       \
	int main(int argc, char **argv)                                                                      \
	{                                                                                                    \
		static const struct unit_case cases[] = {__VA_ARGS__};                                       \
                                                                                                             \
		return unit_run(cases, sizeof(cases) / sizeof(cases[0]), argc, argv);                        \
	}

#endif
