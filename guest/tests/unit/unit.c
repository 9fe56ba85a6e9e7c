#include "tests/unit/unit.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static jmp_buf case_end;
static const char *case_name;
static uint64_t seed, state;
static bool seed_used;

_Noreturn void unit_fail(const char *file, int line, const char *condition)
{
	printf("not ok %s: %s:%d: %s does not hold\n", case_name, file, line, condition);
	longjmp(case_end, 1);
}

_Noreturn void panic(const char *format, ...)
{
	va_list list;

	printf("not ok %s: panic: ", case_name);
	va_start(list, format);
	vprintf(format, list);
	va_end(list);
	printf("\n");
	longjmp(case_end, 1);
}

uint64_t unit_random(void)
{
	if (!seed_used)
		printf("# seed %lu\n", seed);
	seed_used = true;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dUL;
}

uint64_t unit_random_below(uint64_t limit)
{
	return unit_random() % limit;
}

int unit_run(const struct unit_case *cases, size_t count, int argc, char **argv)
{
	volatile int failed = 0;
	char *end;

	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = (uint64_t)time(NULL);
	if (argc > 1) {
		seed = strtoul(argv[1], &end, 0);
		if (argc > 2 || *end || end == argv[1]) {
			fprintf(stderr, "usage: %s [SEED]\n", argv[0]);
			return 2;
		}
	}
	for (volatile size_t i = 0; i < count; i++) {
		case_name = cases[i].name;
		state = seed * 2 + 1; /* never 0 */
		seed_used = false;
		if (setjmp(case_end) == 0) {
			cases[i].run();
			printf("ok %s\n", case_name);
		} else {
			failed = 1;
		}
	}
	return failed;
}
