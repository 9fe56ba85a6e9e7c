#include "host/plan_check.h"

#include "guest/plan/plan.h"
#include "host/archive.h"

#include <stdio.h>
#include <string.h>

/* The guest's path of the line's program: from its working directory where it is relative. */
static int check_program(const struct plan_line *line, const struct buffer *archive, char *why, size_t size)
{
	struct buffer program = {0};
	int result;

	buffer_printf(&program, "%s%s%s", line->argv[0][0] == '/' ? "" : line->cwd,
	              line->argv[0][0] == '/' ? "" : "/", line->argv[0]);
	result = archive_check_program(archive, program.data, why, size);
	buffer_free(&program);
	return result;
}

int plan_check(const char *path, const struct buffer *plan, const struct buffer *archive, char *reason,
               size_t size)
{
	static struct plan_line line;
	const char *at = plan->data, *end = plan->data + plan->size;
	enum plan_result result;
	unsigned number = 0;
	char why[400] = "";

	if (!plan->size)
		return 0;
	while ((result = plan_next(&at, end, &number, &line, why, sizeof(why))) == PLAN_LINE)
		if (check_program(&line, archive, why, sizeof(why)) < 0)
			break;
	if (result == PLAN_END)
		return 0;
	snprintf(reason, size, "plan %s:%u: %s", path, number, why);
	return -1;
}
