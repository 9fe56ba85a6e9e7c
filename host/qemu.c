/*
 * QEMU with its binary translator (TCG). The guest's debug console is standard output; a QMP monitor on a
 * socket pair tells of a triple fault and answers questions about a guest that hangs (QEMU's "QMP Reference
 * Manual").
 */
#include "guest/abi/boot.h"
#include "guest/fs/json.h"
#include "host/buffer.h"
#include "host/engine.h"
#include "host/image.h"
#include "host/json.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM     "qemu-system-x86_64"
#define ANSWER_WAIT 2000 /* milliseconds for QEMU to answer a question */
#define ANSWER_MAX  65536

struct qemu {
	struct buffer input; /* of the monitor: lines not yet taken */
	bool triple_fault, stopped;
	uint64_t trace[TRACE_MAX];
	unsigned depth;
	char registers[1024];
};

static bool probe(char *reason, size_t size)
{
	char path[512];

	if (process_find(PROGRAM, path, sizeof(path)))
		return true;
	snprintf(reason, size, PROGRAM " is not in PATH (package qemu-system-x86)");
	return false;
}

/* ---- start ----------------------------------------------------------------------------------- */

static int start_process(const struct engine_config *config, struct guest *guest, int monitor, char *reason,
                         size_t size)
{
	char loader[96], memory[16], socket[48];
	struct process process = {
	        .argv =
	                (const char *[]){
	                        PROGRAM, "-nodefaults", "-no-user-config", "-display", "none", "-accel",
	                        "tcg", "-cpu", "max", "-m", memory, "-bios", config->rom, "-device", loader,
	                        /* A reset, which a triple fault asks for, stops the machine as it is. */
	                        "-action", "reboot=shutdown,shutdown=pause", "-S", "-chardev",
	                        "stdio,id=console,signal=off", "-device",
	                        "isa-debugcon,iobase=0xe9,chardev=console", "-device",
	                        "isa-debug-exit,iobase=0xf4,iosize=4", "-chardev", socket, "-mon",
	                        "chardev=monitor,mode=control", NULL},
	        .keep = {config->image, monitor},
	        .keep_count = 2,
	};

	snprintf(loader, sizeof(loader), "loader,file=/proc/self/fd/%d,addr=%#x,force-raw=on", config->image,
	         IMAGE_ADDRESS);
	snprintf(memory, sizeof(memory), "%uM", config->memory);
	snprintf(socket, sizeof(socket), "socket,id=monitor,fd=%d", monitor);
	return process_start(&process, &guest->pid, &guest->output, &guest->errors, reason, size);
}

static void release(struct guest *guest)
{
	struct qemu *qemu = guest->state;

	if (guest->control >= 0)
		close(guest->control);
	buffer_free(&qemu->input);
	free(qemu);
}

static void send_line(struct guest *guest, const char *line)
{
	/* A monitor that is gone shows when it is read. */
	(void)!send(guest->control, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int start(const struct engine_config *config, struct guest *guest, char *reason, size_t size)
{
	struct qemu *qemu = calloc(1, sizeof(*qemu));
	int pair[2], result;

	if (!qemu || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(qemu);
		snprintf(reason, size, "no socket for the monitor: %s", strerror(errno));
		return -1;
	}
	guest->state = qemu;
	guest->control = pair[0];
	result = start_process(config, guest, pair[1], reason, size);
	close(pair[1]);
	if (result < 0)
		release(guest);
	else /* -S above: events come after the first command only, so the guest must not run before it */
		send_line(guest, "{\"execute\": \"qmp_capabilities\"}\n{\"execute\": \"cont\"}\n");
	return result;
}

/* ---- the monitor ----------------------------------------------------------------------------- */

/* Reads what is there; false at the end of the stream. */
static bool read_monitor(struct guest *guest)
{
	struct qemu *qemu = guest->state;
	char bytes[4096];
	ssize_t size = recv(guest->control, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (size < 0)
		return errno == EAGAIN || errno == EINTR;
	if (size == 0 || qemu->input.size > ANSWER_MAX)
		return false;
	buffer_append(&qemu->input, bytes, (size_t)size);
	return true;
}

/* Takes a whole line. False: there is none. */
static bool take_line(struct qemu *qemu, struct buffer *line)
{
	const char *end = qemu->input.size ? memchr(qemu->input.data, '\n', qemu->input.size) : NULL;
	size_t size = end ? (size_t)(end - qemu->input.data) + 1 : 0;

	if (!end)
		return false;
	buffer_keep_tail(line, 0);
	buffer_append(line, qemu->input.data, size);
	buffer_keep_tail(&qemu->input, qemu->input.size - size);
	return true;
}

static void note_event(struct qemu *qemu, const char *message)
{
	struct json_value data;
	char event[32];

	if (json_string(message, "event", event, sizeof(event)) && !strcmp(event, "SHUTDOWN") &&
	    json_member(message, "data", &data) && memmem(data.text, data.size, "\"guest-reset\"", 13))
		qemu->triple_fault = true;
}

static bool control(struct guest *guest)
{
	struct qemu *qemu = guest->state;
	struct buffer line = {0};

	if (!read_monitor(guest)) {
		close(guest->control);
		guest->control = -1;
	}
	while (take_line(qemu, &line))
		if (json_is_object(line.data, line.size))
			note_event(qemu, line.data);
	buffer_free(&line);
	return qemu->triple_fault && !qemu->stopped;
}

/* Waits for the answer to the last command, the string of which goes to `answer`. */
static bool read_answer(struct guest *guest, char *answer, size_t size)
{
	struct buffer line = {0};
	struct json_value value;
	bool found = false, failed = false;

	while (!found && !failed) {
		struct pollfd wait = {.fd = guest->control, .events = POLLIN};

		while (!found && !failed && take_line(guest->state, &line)) {
			if (!json_is_object(line.data, line.size))
				continue;
			failed = json_member(line.data, "error", &value);
			found = json_member(line.data, "return", &value) && value.text[0] == '"';
		}
		if (!found && !failed)
			failed = poll(&wait, 1, ANSWER_WAIT) <= 0 || !read_monitor(guest);
	}
	if (found)
		json_string(line.data, "return", answer, size);
	buffer_free(&line);
	return found;
}

/* A command of the monitor for people. */
static bool ask(struct guest *guest, const char *question, char *answer, size_t size)
{
	char line[160];

	if (guest->control < 0)
		return false;
	snprintf(line, sizeof(line),
	         "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": \"%s\"}}\n",
	         question);
	send_line(guest, line);
	return read_answer(guest, answer, size);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool read_register(const char *text, const char *name, uint64_t *value)
{
	const char *at = strstr(text, name);

	*value = at ? strtoul(at + strlen(name), NULL, 16) : 0;
	return at != NULL;
}

/* Follows the chain of frame pointers: each points to the caller's one, with the return address above. */
static void walk_stack(struct guest *guest, uint64_t frame)
{
	struct qemu *qemu = guest->state;
	char question[48], answer[256];
	unsigned long caller, address;

	while (frame && qemu->depth < TRACE_MAX) {
		snprintf(question, sizeof(question), "x /2gx 0x%lx", frame);
		if (!ask(guest, question, answer, sizeof(answer)) ||
		    sscanf(answer, "%*x: %lx %lx", &caller, &address) != 2 || !address)
			return;
		qemu->trace[qemu->depth++] = address;
		if (caller <= frame)
			return;
		frame = caller;
	}
}

/* Registers as QEMU lists them, without the system registers below. */
static void keep_registers(struct qemu *qemu, const char *answer)
{
	const char *end = strstr(answer, "ES =");
	size_t used = 0;

	for (const char *at = answer; at != end && *at && used + 1 < sizeof(qemu->registers); at++)
		if (*at != '\r')
			qemu->registers[used++] = *at;
	while (used && qemu->registers[used - 1] == '\n')
		used--;
	qemu->registers[used] = '\0';
}

static void interrupt(struct guest *guest)
{
	struct qemu *qemu = guest->state;
	char answer[8192];
	uint64_t rip, rbp;

	qemu->stopped = true;
	send_line(guest, "{\"execute\": \"stop\"}\n");
	if (ask(guest, "info registers", answer, sizeof(answer))) {
		keep_registers(qemu, answer);
		if (read_register(answer, "RIP=", &rip) || read_register(answer, "EIP=", &rip))
			qemu->trace[qemu->depth++] = rip;
		if (read_register(answer, "RBP=", &rbp) || read_register(answer, "EBP=", &rbp))
			walk_stack(guest, rbp);
	}
	kill(guest->pid, SIGKILL);
}

static void diagnose(struct guest *guest, const char *errors, struct diagnosis *diagnosis)
{
	struct qemu *qemu = guest->state;
	const char *complaint = strstr(errors, PROGRAM ": ");

	if (qemu->triple_fault)
		diagnosis->ending = ENDING_TRIPLE_FAULT;
	else if (qemu->stopped)
		diagnosis->ending = ENDING_STOPPED;
	diagnosis->depth = qemu->depth;
	memcpy(diagnosis->trace, qemu->trace, sizeof(qemu->trace));
	memcpy(diagnosis->registers, qemu->registers, sizeof(qemu->registers));
	if (!complaint)
		complaint = errors;
	snprintf(diagnosis->reason, sizeof(diagnosis->reason), "%.*s", (int)strcspn(complaint, "\n"),
	         complaint);
}

ENGINE(qemu) = {
        .name = "qemu",
        .summary = "QEMU, translated, CPU model max: PKU but no VMX, fast, does not count instructions",
        .rank = 2,
        .memory_max = MEMORY_MAX,
        .tick_unit = "tsc",
        .tick_kind = "uncalibrated",
        .probe = probe,
        .start = start,
        .interrupt = interrupt,
        .control = control,
        .diagnose = diagnose,
        .release = release,
};
