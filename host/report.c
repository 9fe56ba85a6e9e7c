#include "host/report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"

static bool progress_shown;

void report_progress_end(void)
{
	if (progress_shown)
		fputs(CLEAR_LINE, stderr);
	progress_shown = false;
}

void report_error(const char *format, ...)
{
	va_list list;

	report_progress_end();
	fputs("portcullis: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void report_line(const char *format, ...)
{
	va_list list;

	report_progress_end();
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

void report_progress(const char *format, ...)
{
	struct winsize window;
	char text[256];
	va_list list;

	if (!isatty(STDERR_FILENO))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 &&
	    window.ws_col - 1U < strlen(text))
		text[window.ws_col - 1] = '\0'; /* a wrapped line could not be cleared */
	fprintf(stderr, CLEAR_LINE "%s", text);
	fflush(stderr);
	progress_shown = true;
}
