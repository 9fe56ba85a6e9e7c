/* `portcullis collect`: what a real machine that booted the ISO says on its serial line. */
#include "guest/abi/link.h"
#include "host/command.h"
#include "host/install.h"
#include "host/link.h"
#include "host/options.h"
#include "host/report.h"
#include "host/serial.h"
#include "host/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SPEED   115200 /* the guest's (guest/channel.c) */
#define DEFAULT_TIMEOUT 600
#define READ_SIZE       4096
#define TICK            250  /* milliseconds between updates of the progress display */
#define TRACE_GRACE     3000 /* ... for the backtrace to follow a panic: at most 33 lines, 3 ms each */

static struct {
	const char *line, *kernel, *run_id;
	uint64_t speed, timeout;
	bool emulated, help;
} request = {.speed = DEFAULT_SPEED, .timeout = DEFAULT_TIMEOUT};

static struct session session = {.console.fd = -1, .records.fd = -1, .summary.fd = -1};

static const struct option_row options[] = {
        {"line", 'l', OPTION_TEXT, "LINE",
         "where the machine is heard: a serial port, a pseudo-terminal,\ntcp:HOST:PORT, or a file that was "
         "written from one; needed",
         &request.line, 0, 0},
        {"speed", 0, OPTION_NUMBER, "N", "bits a second of a serial port (default 115200)", &request.speed, 1,
         UINT32_MAX},
        {"emulated", 0, OPTION_FLAG, NULL,
         "the machine is an emulator: what its clock says is no measurement", &request.emulated, 0, 0},
        {"records", 'o', OPTION_TEXT, "FILE",
         "where records go, one JSON object a line (`-`: standard output)", &session.records.path, 0, 0},
        {"summary", 0, OPTION_TEXT, "FILE", "where a line for each run goes: how it ended, ticks, memory",
         &session.summary.path, 0, 0},
        {"console", 'c', OPTION_TEXT, "FILE", "where the console goes", &session.console.path, 0, 0},
        {"verbose", 'v', OPTION_FLAG, NULL, "copy the console to standard output", &session.verbose, 0, 0},
        {"quiet", 'q', OPTION_FLAG, NULL, "report failures only", &session.quiet, 0, 0},
        {"timeout", 't', OPTION_NUMBER, "SECONDS", "give up after this time (0: never; default 600)",
         &request.timeout, 0, 1000000},
        {"run-id", 0, OPTION_TEXT, "TEXT", "the field `run` of the records", &request.run_id, 0, 0},
        {"kernel", 0, OPTION_TEXT, "FILE",
         "kernel whose symbols name the addresses of a panic (default:\nguest/kernel.elf beside the "
         "launcher)",
         &request.kernel, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &request.help, 0, 0},
        {0},
};

/* Not in the list of engines: nothing here can start that machine. */
static const struct engine metal = {.name = "metal", .tick_unit = "tsc", .tick_kind = "measured"};
static const struct engine emulated_metal = {
        .name = "metal", .tick_unit = "tsc", .tick_kind = "uncalibrated"};

struct collection {
	struct watch_events events;
	struct outcome outcome;
	struct link link;
	uint64_t start, deadline; /* milliseconds of CLOCK_MONOTONIC; UINT64_MAX: none */
	bool in_guest;            /* its first line came: what came before is the firmware's */
	bool panicked;            /* its backtrace may still come */
	bool over;
};

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the guest's stream ---------------------------------------------------------------------- */

/* The first cause stays. */
static void end(struct collection *collection, enum cause cause)
{
	if (!collection->over && !collection->panicked)
		collection->outcome.cause = cause;
	collection->over = true;
}

static void take_console(void *context, const char *text, size_t size)
{
	struct collection *collection = context;

	if (collection->in_guest && !collection->over && !collection->panicked)
		collection->events.console(collection->events.context, text, size);
}

static void take_panic(struct collection *collection, const char *sentence)
{
	struct outcome *outcome = &collection->outcome;
	bool limit = !strncmp(sentence, LINK_PANIC_TICK_LIMIT, strlen(LINK_PANIC_TICK_LIMIT));

	snprintf(outcome->text, sizeof(outcome->text), "%s", sentence);
	outcome->cause = limit ? CAUSE_TICK_LIMIT : CAUSE_PANIC;
	collection->panicked = true;
	collection->deadline = milliseconds() + TRACE_GRACE;
}

static void take_trace(struct diagnosis *diagnosis, const char *address)
{
	if (diagnosis->depth < TRACE_MAX)
		diagnosis->trace[diagnosis->depth++] = strtoul(address, NULL, 16);
}

static void take_line(void *context, char type, const char *payload, size_t size)
{
	struct collection *collection = context;

	if (collection->over)
		return;
	collection->in_guest = true;
	switch (type) {
	case LINK_PANIC:
		take_panic(collection, payload);
		break;
	case LINK_TRACE:
		take_trace(&collection->outcome.diagnosis, payload);
		break;
	case LINK_END:
		collection->outcome.end_status = (unsigned)strtoul(payload, NULL, 10);
		end(collection, CAUSE_ENDED);
		break;
	default:
		if (!collection->events.line(collection->events.context, type, payload, size))
			end(collection, CAUSE_REFUSED);
		break;
	}
}

static void take_restart(void *context)
{
	struct collection *collection = context;

	snprintf(collection->outcome.text, sizeof(collection->outcome.text), "the machine has started again");
	end(collection, CAUSE_VANISHED);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void read_line(struct collection *collection, int line)
{
	struct outcome *outcome = &collection->outcome;
	char bytes[READ_SIZE];
	ssize_t size = read(line, bytes, sizeof(bytes));

	if (size > 0) {
		link_feed(&collection->link, bytes, (size_t)size);
	} else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
		if (!collection->over && !collection->panicked)
			snprintf(outcome->text, sizeof(outcome->text), "%s ended%s%s", request.line,
			         size ? ": " : "", size ? strerror(errno) : "");
		end(collection, CAUSE_VANISHED);
	}
}

static void take_signal(struct collection *collection, int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	collection->outcome.cause = CAUSE_SIGNAL;
	collection->outcome.signal = (int)info.ssi_signo;
	collection->over = true;
}

static void listen_to(struct collection *collection, int line, int signals)
{
	while (!collection->over) {
		struct pollfd fds[] = {{.fd = line, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

		if (poll(fds, sizeof(fds) / sizeof(fds[0]), TICK) < 0)
			continue;
		if (fds[1].revents)
			take_signal(collection, signals);
		else if (fds[0].revents)
			read_line(collection, line);
		if (milliseconds() >= collection->deadline)
			end(collection, CAUSE_TIMEOUT);
		collection->events.idle(collection->events.context,
		                        (unsigned)((milliseconds() - collection->start) / 1000));
	}
	link_finish(&collection->link);
	collection->outcome.lost = collection->link.lost;
	collection->outcome.damaged = collection->link.damaged;
}

/* Signals that end the launcher come out of a descriptor from here on. Under nohup a hangup stays ignored. */
static int watch_signals(char *reason, size_t size)
{
	struct sigaction hangup;
	sigset_t watched;
	int signals;

	sigemptyset(&watched);
	sigaddset(&watched, SIGINT);
	sigaddset(&watched, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(&watched, SIGHUP);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		snprintf(reason, size, "no signal descriptor: %s", strerror(errno));
	return signals;
}

static enum status collect(int line, int signals)
{
	static struct collection collection;
	const char *elf =
	        request.kernel ? install_sibling(request.kernel, ".elf") : install_path("guest/kernel.elf");
	struct symbols *symbols = symbols_load(elf);
	enum status status;

	session.context = (struct record_context){.engine = request.emulated ? &emulated_metal : &metal,
	                                          .run = request.run_id};
	session.symbols = symbols;
	session.timeout = (unsigned)request.timeout;
	session_events(&session, &collection.events);
	link_init(&collection.link, &(struct link_handler){.console = take_console,
	                                                   .line = take_line,
	                                                   .restart = take_restart,
	                                                   .context = &collection});
	collection.start = milliseconds();
	collection.deadline = request.timeout ? collection.start + request.timeout * 1000 : UINT64_MAX;
	listen_to(&collection, line, signals);
	status = session_verdict(&session, &collection.outcome);
	symbols_free(symbols);
	return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void print_help(void)
{
	printf("Usage: portcullis collect --line LINE [OPTION ...]\n\n"
	       "Listens to a machine that boots the ISO (`make iso`), writes its records (engine metal) and "
	       "says "
	       "how each\nrun ended, as `portcullis run` does. Start it before the machine. A line of the "
	       "guest that arrives\ndamaged or not at all is counted, never believed.\n\n");
	options_help(options);
	printf("\n%s", status_help);
}

static int run(int argc, char **argv)
{
	struct output_file *outputs[] = {&session.console, &session.records, &session.summary};
	char reason[REASON_MAX];
	enum status status = STATUS_NO_ENGINE;
	int line, signals;

	options_parse(options, "collect", argc, argv);
	if (request.help) {
		print_help();
		return STATUS_OK;
	}
	if (!request.line || !serial_has_speed((unsigned)request.speed)) {
		if (!request.line)
			report_error("--line is needed");
		else
			report_error("--speed %lu: no serial port has this speed", request.speed);
		return STATUS_USAGE;
	}
	line = serial_open(request.line, (unsigned)request.speed, reason, sizeof(reason));
	signals = line < 0 ? -1 : watch_signals(reason, sizeof(reason));
	for (unsigned i = 0; signals >= 0 && i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		if (output_open(outputs[i], reason, sizeof(reason)) == 0)
			continue;
		close(signals);
		signals = -1;
		status = STATUS_DATA_LOST;
	}
	if (signals < 0) {
		report_error("%s", reason);
		return status;
	}
	status = collect(line, signals);
	close(line);
	close(signals);
	if (!session_close(&session) && status <= STATUS_RUN_FAILED)
		status = STATUS_DATA_LOST;
	return status;
}

COMMAND(collect) = {
        .name = "collect", .summary = "take the records of a real machine from its serial line", .run = run};
