#include "session.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/station.h"

#define FILE_MAX   65536
#define REPEAT_MAX (4 << 20)

void session_open(struct session *session, const char *path)
{
	FILE *file = fopen(path, "r");
	size_t size;

	*session = (struct session){.path = path, .text = malloc(FILE_MAX + 1)};
	if (!file)
		station_fail("cannot read %s: %s", path, strerror(errno));
	if (!session->text)
		station_fail("out of memory");
	size = fread(session->text, 1, FILE_MAX + 1, file);
	if (ferror(file) || size > FILE_MAX)
		station_fail("cannot read %s: %s", path,
		             size > FILE_MAX ? "it is too long" : strerror(errno));
	fclose(file);
	session->text[size] = 0;
	session->at = session->text;
}

void session_close(struct session *session)
{
	free(session->text);
	free(session->data);
}

static void put(struct session *session, const char *data, size_t size)
{
	if (session->size + size > session->capacity) {
		session->capacity = session->size + size;
		session->data = realloc(session->data, session->capacity);
		if (!session->data)
			station_fail("out of memory");
	}
	memcpy(session->data + session->size, data, size);
	session->size += size;
}

static void repeat(struct session *session, const char *words)
{
	unsigned long times;
	char character;

	if (sscanf(words, "%lu %c", &times, &character) != 2 || times > REPEAT_MAX)
		station_fail("%s:%u: not a number and a character", session->path, session->line);
	session->size = 0;
	while (session->size < times)
		put(session, &character, 1);
}

/* The line behind the mark: by the character behind it whole, without end, or repeated. */
static void take(struct session *session, const char *line, bool ends)
{
	session->size = 0;
	if (line[1] == '*')
		repeat(session, line + 2);
	else
		put(session, line + 2 + (line[1] == '-'), strlen(line + 2 + (line[1] == '-')));
	if (ends && line[1] != '-')
		put(session, "\r\n", 2);
}

static bool has_mark(const char *line, char mark)
{
	return line[0] == mark && (line[1] == ' ' || ((line[1] == '-' || line[1] == '*') && line[2] == ' '));
}

enum step session_next(struct session *session)
{
	while (*session->at) {
		char *line = session->at;
		size_t size = strcspn(line, "\n");

		session->at = line + size + (line[size] == '\n');
		line[size] = 0;
		session->line++;
		if (size == 0 || line[0] == '#')
			continue;
		if (has_mark(line, '>')) {
			take(session, line, true);
			return STEP_SEND;
		}
		if (has_mark(line, '<')) {
			take(session, line, false);
			return STEP_EXPECT;
		}
		if (strcmp(line, "pause") == 0)
			return STEP_PAUSE;
		if (strcmp(line, "closed") == 0)
			return STEP_CLOSED;
		if (strcmp(line, "reset") == 0)
			return STEP_RESET;
		station_fail("%s:%u: not a step of a session", session->path, session->line);
	}
	return STEP_END;
}
