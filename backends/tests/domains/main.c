/* domains CASE: tries one part of the protected-library interface on the backend that it runs on. */
#include <stdlib.h>
#include <string.h>

#include "case.h"

int claims_status(void);
const char *case_name;

static const struct {
	const char *name;
	void (*function)(void);
} cases[] = {
        {"free", case_free},           {"attach", case_attach},
        {"names", case_names},         {"malformed", case_malformed},
        {"interface", case_interface}, {"manifest", case_manifest},
        {"init", case_init},           {"teardown", case_teardown},
        {"many", case_many},           {"cost", case_cost},
        {"churn", case_churn},         {"shared", case_shared},
        {"younger", case_younger},     {"fork", case_fork},
        {"exec", case_exec},           {"after-exec", case_after_exec},
        {"nesting", case_nesting},     {"nested-shared", case_nested_shared},
        {"heap", case_heap},           {"stack", case_stack},
        {"index", case_index},         {"busy", case_busy},
        {"threads", case_threads},     {"system-calls", case_system_calls},
        {"signals", case_signals},     {"nested-signals", case_nested_signals},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			case_name = cases[i].name;
			cases[i].function();
			return claims_status();
		}
	fprintf(stderr, "usage: domains CASE\n");
	return 2;
}
