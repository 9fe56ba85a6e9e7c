#include "message.h"

#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print(const char *format, va_list list)
{
	progress_clear();
	fputs("portcullis: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
}

void die(enum exit_status status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print(format, list);
	va_end(list);
	exit((int)status);
}

void say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print(format, list);
	va_end(list);
}

bool error_set(struct error *error, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(error->text, sizeof(error->text), format, list);
	va_end(list);
	return false;
}
