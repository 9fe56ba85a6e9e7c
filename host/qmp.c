#include "host/qmp.h"

#include "guest/fs/json.h"
#include "host/json.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_WAIT 2000 /* milliseconds for QEMU to answer a question */
#define ANSWER_MAX  65536

void qmp_send(struct qmp *qmp, const char *line)
{
	/* A monitor that is gone shows when it is read. */
	if (*qmp->socket >= 0)
		(void)!send(*qmp->socket, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void qmp_open(struct qmp *qmp, int *socket)
{
	qmp->socket = socket;
	qmp_send(qmp, "{\"execute\": \"qmp_capabilities\"}\n");
}

void qmp_close(struct qmp *qmp)
{
	if (*qmp->socket >= 0)
		close(*qmp->socket);
	*qmp->socket = -1;
	buffer_free(&qmp->input);
}

/* ---- messages --------------------------------------------------------------------------------- */

/* Reads what is there; false at the end of the stream. */
static bool read_monitor(struct qmp *qmp)
{
	char bytes[4096];
	ssize_t size = recv(*qmp->socket, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	if (size == 0 || qmp->input.size > ANSWER_MAX)
		return false;
	buffer_append(&qmp->input, bytes, (size_t)size);
	return true;
}

/* Takes a whole line. False: there is none. */
static bool take_line(struct qmp *qmp, struct buffer *line)
{
	const char *end = qmp->input.size ? memchr(qmp->input.data, '\n', qmp->input.size) : NULL;
	size_t size = end ? (size_t)(end - qmp->input.data) + 1 : 0;

	if (!end)
		return false;
	buffer_keep_tail(line, 0);
	buffer_append(line, qmp->input.data, size);
	buffer_keep_tail(&qmp->input, qmp->input.size - size);
	return true;
}

static void note_event(struct qmp *qmp, const char *message)
{
	struct json_value data;
	char event[32];

	if (json_string(message, "event", event, sizeof(event)) && !strcmp(event, "SHUTDOWN") &&
	    json_member(message, "data", &data) && memmem(data.text, data.size, "\"guest-reset\"", 13))
		qmp->triple_fault = true;
}

bool qmp_read(struct qmp *qmp)
{
	struct buffer line = {0};

	if (!read_monitor(qmp)) {
		close(*qmp->socket);
		*qmp->socket = -1;
	}
	while (take_line(qmp, &line))
		if (json_is_object(line.data, line.size))
			note_event(qmp, line.data);
	buffer_free(&line);
	return qmp->triple_fault && !qmp->stopped;
}

/* Waits for the answer to the last command, the string of which goes to `answer`. */
static bool read_answer(struct qmp *qmp, char *answer, size_t size)
{
	struct buffer line = {0};
	struct json_value value;
	bool found = false, failed = false;

	while (!found && !failed) {
		struct pollfd wait = {.fd = *qmp->socket, .events = POLLIN};

		while (!found && !failed && take_line(qmp, &line)) {
			if (!json_is_object(line.data, line.size))
				continue;
			failed = json_member(line.data, "error", &value);
			found = json_member(line.data, "return", &value) && value.text[0] == '"';
		}
		if (!found && !failed)
			failed = poll(&wait, 1, ANSWER_WAIT) <= 0 || !read_monitor(qmp);
	}
	if (found)
		json_string(line.data, "return", answer, size);
	buffer_free(&line);
	return found;
}

/* A command of the monitor for people. */
static bool ask(struct qmp *qmp, const char *question, char *answer, size_t size)
{
	char line[160];

	if (*qmp->socket < 0)
		return false;
	snprintf(line, sizeof(line),
	         "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"%s\"}}\n",
	         question);
	qmp_send(qmp, line);
	return read_answer(qmp, answer, size);
}

/* ---- a guest that is stuck -------------------------------------------------------------------- */

static bool read_register(const char *text, const char *name, uint64_t *value)
{
	const char *at = strstr(text, name);

	*value = at ? strtoul(at + strlen(name), NULL, 16) : 0;
	return at != NULL;
}

/* Follows the chain of frame pointers: each points to the caller's one, with the return address above. */
static void walk_stack(struct qmp *qmp, uint64_t frame)
{
	char question[48], answer[256];
	unsigned long caller, address;

	while (frame && qmp->depth < TRACE_MAX) {
		snprintf(question, sizeof(question), "x /2gx 0x%lx", frame);
		if (!ask(qmp, question, answer, sizeof(answer)) ||
		    sscanf(answer, "%*x: %lx %lx", &caller, &address) != 2 || !address)
			return;
		qmp->trace[qmp->depth++] = address;
		if (caller <= frame)
			return;
		frame = caller;
	}
}

/* Registers as QEMU lists them, without the system registers below. */
static void keep_registers(struct qmp *qmp, const char *answer)
{
	const char *end = strstr(answer, "ES =");
	size_t used = 0;

	for (const char *at = answer; at != end && *at && used + 1 < sizeof(qmp->registers); at++)
		if (*at != '\r')
			qmp->registers[used++] = *at;
	while (used && qmp->registers[used - 1] == '\n')
		used--;
	qmp->registers[used] = '\0';
}

void qmp_examine(struct qmp *qmp)
{
	char answer[8192];
	uint64_t rip, rbp;

	qmp->stopped = true;
	qmp_send(qmp, "{\"execute\": \"stop\"}\n");
	if (ask(qmp, "info registers", answer, sizeof(answer))) {
		keep_registers(qmp, answer);
		if (read_register(answer, "RIP=", &rip) || read_register(answer, "EIP=", &rip))
			qmp->trace[qmp->depth++] = rip;
		if (read_register(answer, "RBP=", &rbp) || read_register(answer, "EBP=", &rbp))
			walk_stack(qmp, rbp);
	}
}

void qmp_diagnose(const struct qmp *qmp, struct diagnosis *diagnosis)
{
	if (qmp->triple_fault)
		diagnosis->ending = ENDING_TRIPLE_FAULT;
	else if (qmp->stopped)
		diagnosis->ending = ENDING_STOPPED;
	diagnosis->depth = qmp->depth;
	memcpy(diagnosis->trace, qmp->trace, sizeof(qmp->trace));
	memcpy(diagnosis->registers, qmp->registers, sizeof(qmp->registers));
}
