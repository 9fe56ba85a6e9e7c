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

/* What guests and emulators say may hold anything: no control character reaches the terminal. */
static void print_line(const char *prefix, const char *format, va_list list)
{
	char text[4096];

	vsnprintf(text, sizeof(text), format, list);
	for (char *at = text; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f)
			*at = '?';
	report_progress_end();
	fprintf(stderr, "%s%s\n", prefix, text);
}

void report_error(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_line("portcullis: ", format, list);
	va_end(list);
}

void report_line(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	print_line("", format, list);
	va_end(list);
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
