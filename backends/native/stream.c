/* The byte stream to the launcher (guest/abi/link.h). */
#include "guest/abi/link.h"
#include "guest/lib/lib.h"
#include "native/native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX 16384

static uint64_t sequence;
static int held_at = -1;

/* Without its reader the run is over. */
static void put(const char *text, size_t size)
{
	while (size) {
		ssize_t done = write(STDOUT_FILENO, text, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			exit(1);
		text += done;
		size -= (size_t)done;
	}
}

void stream_line(char type, const char *format, ...)
{
	static char line[LINE_MAX];
	va_list list;
	int length = snprintf(line, sizeof(line), "%c%c%lu ", LINK_MARK, type, sequence++);

	va_start(list, format);
	length += vsnprintf(line + length, sizeof(line) - (size_t)length, format, list);
	va_end(list);
	if (length + 10 >= LINE_MAX) {
		fprintf(stderr, "portcullis-native: a line for the launcher is too long\n");
		exit(1);
	}
	length += snprintf(line + length, sizeof(line) - (size_t)length, " %08x\n",
	                   crc32(0, line + 1, (size_t)length - 1));
	put(line, (size_t)length);
}

void stream_hold_at(int socket)
{
	held_at = socket;
	fcntl(socket, F_SETFD, FD_CLOEXEC);
}

void stream_hold(void)
{
	char byte;

	while (held_at >= 0 && read(held_at, &byte, 1) < 0 && errno == EINTR)
		;
}

void stream_console(const char *text, size_t size)
{
	char copy[4096];

	while (size) {
		size_t part = MIN(size, sizeof(copy));

		for (size_t i = 0; i < part; i++)
			copy[i] = text[i] == LINK_MARK ? '?' : text[i];
		put(copy, part);
		text += part;
		size -= part;
	}
}
