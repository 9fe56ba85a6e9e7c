/*
 * A unit test is a program whose main() is
 *
 *     UNIT_MAIN(
 *             UNIT_CASE("what it claims", function),
 *             ...)
 *
 * A case ends at its first CHECK that does not hold.
 */
#ifndef GUEST_TESTS_UNIT_UNIT_H
#define GUEST_TESTS_UNIT_UNIT_H

#include "lib/lib.h"

struct unit_case {
	const char *name;
	void (*run)(void);
};

#define UNIT_CASE(name, function)                                                                            \
	{                                                                                                    \
		name, function                                                                               \
	}
#define UNIT_MAIN(...)                                                                                       \
	int main(int argc, char **argv)                                                                      \
	{                                                                                                    \
		static const struct unit_case cases[] = {__VA_ARGS__};                                       \
                                                                                                             \
		return unit_run(cases, ARRAY_SIZE(cases), argc, argv);                                       \
	}

/* Runs the cases. 0, or 1 when one failed; 2 for wrong arguments. */
int unit_run(const struct unit_case *cases, size_t count, int argc, char **argv);

/* Ends the running case: it failed. */
_Noreturn void unit_fail(const char *file, int line, const char *condition);

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			unit_fail(__FILE__, __LINE__, #condition);                                           \
	} while (0)

/* Pseudo-random numbers (xorshift64*) from the seed of the run; the first use in a case prints the seed. */
uint64_t unit_random(void);
uint64_t unit_random_below(uint64_t limit);

/* Physical memory: [0, size) of it can be reached through the direct map, until the next call. */
void unit_memory(uint64_t size);

#endif
