#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define ERASE_LINE "\r\033[K"
#define WIDTH      79 /* a longer line would wrap and could not be erased */

static bool enabled, shown;

void progress_enable(bool enable)
{
	enabled = enable && isatty(STDERR_FILENO);
}

void progress_show(const char *format, ...)
{
	char text[WIDTH + 1];
	va_list list;

	if (!enabled)
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(stderr, ERASE_LINE "%s", text);
	fflush(stderr);
	shown = true;
}

void progress_clear(void)
{
	if (shown)
		fputs(ERASE_LINE, stderr);
	shown = false;
}
