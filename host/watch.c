#include "host/watch.h"

#include "guest/abi/link.h"
#include "host/buffer.h"
#include "host/link.h"
#include "host/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 16384
/*
 * An emulator may write each byte of the guest by itself. After a short read, waiting a little (microseconds)
 * lets a batch come together in the pipe, instead of two system calls for each byte.
 */
#define SMALL_READ      64
#define SMALL_READ_WAIT 1000
#define ERRORS_KEPT     8192
#define TICK            250  /* milliseconds between calls of idle() */
#define END_GRACE       3000 /* ... for an emulator to end after the guest's last line */
#define DIAGNOSE_GRACE  5000 /* ... to print a diagnosis and end, after interrupt() */
#define PIPE_GRACE      500  /* ... for the rest of the output when the child is gone */

struct watch {
	struct guest guest;
	const struct watch_events *events;
	struct outcome *outcome;
	struct link link;
	struct buffer errors;
	uint64_t start, deadline; /* milliseconds of CLOCK_MONOTONIC; UINT64_MAX: none */
	bool in_guest;  /* its first line came: what came before is the emulator's and the firmware's */
	bool ended;     /* its last line came */
	bool explained; /* the kernel itself says why it stops, with a trace */
	bool caused;    /* outcome->cause is set; the first cause stays */
	bool stopping;  /* interrupt() was called */
	bool gone;      /* the child ended */
	bool holds;     /* the guest waits at the start and at the end of each run */
	int wait_status;
};

static uint64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void set_cause(struct watch *watch, enum cause cause)
{
	if (watch->caused)
		return;
	watch->caused = true;
	watch->outcome->cause = cause;
}

static void limit_time(struct watch *watch, uint64_t from_now)
{
	uint64_t deadline = milliseconds() + from_now;

	if (deadline < watch->deadline)
		watch->deadline = deadline;
}

/* ---- the guest's stream ---------------------------------------------------------------------- */

static void take_console(void *context, const char *text, size_t size)
{
	struct watch *watch = context;
	const struct engine *engine = watch->guest.engine;
	char own[READ_SIZE + CONSOLE_KEPT_MAX];

	if (engine->filter_console) {
		size = engine->filter_console(&watch->guest, text, size, own);
		text = own;
	}
	if (size && watch->in_guest && !watch->ended && !watch->explained)
		watch->events->console(watch->events->context, text, size);
}

static void add_trace(struct diagnosis *diagnosis, const char *address)
{
	if (diagnosis->depth < TRACE_MAX)
		diagnosis->trace[diagnosis->depth++] = strtoul(address, NULL, 16);
}

static void take_line(void *context, char type, const char *payload, size_t size)
{
	struct watch *watch = context;
	struct outcome *outcome = watch->outcome;
	bool holds = watch->holds && (type == LINK_START || type == LINK_DONE);

	take_console(watch, "", 0);
	watch->in_guest = true;
	switch (type) {
	case LINK_PANIC:
		if (!strncmp(payload, LINK_PANIC_TICK_LIMIT, strlen(LINK_PANIC_TICK_LIMIT)))
			set_cause(watch, CAUSE_TICK_LIMIT);
		set_cause(watch, CAUSE_PANIC);
		watch->explained = true;
		snprintf(outcome->text, sizeof(outcome->text), "%s", payload);
		limit_time(watch, END_GRACE);
		break;
	case LINK_TRACE:
		add_trace(&outcome->diagnosis, payload);
		break;
	case LINK_END:
		set_cause(watch, CAUSE_ENDED);
		outcome->end_status = (unsigned)strtoul(payload, NULL, 10);
		watch->ended = true;
		limit_time(watch, END_GRACE);
		break;
	default:
		if (holds && watch->guest.engine->settle)
			watch->guest.engine->settle(&watch->guest);
		if (!watch->events->line(watch->events->context, type, payload, size))
			set_cause(watch, CAUSE_REFUSED);
		if (holds)
			watch->guest.engine->resume(&watch->guest);
		break;
	}
}

static void close_stream(int *fd)
{
	close(*fd);
	*fd = -1;
}

static void take_output(struct watch *watch, const char *bytes, size_t size)
{
	link_feed(&watch->link, bytes, size);
	if (size < SMALL_READ)
		usleep(SMALL_READ_WAIT);
}

static void read_output(struct watch *watch)
{
	char bytes[READ_SIZE];
	ssize_t size = read(watch->guest.output, bytes, sizeof(bytes));

	if (size > 0)
		take_output(watch, bytes, (size_t)size);
	else if (size == 0 || errno != EINTR)
		close_stream(&watch->guest.output);
}

static void read_errors(struct watch *watch)
{
	char bytes[READ_SIZE];
	ssize_t size = read(watch->guest.errors, bytes, sizeof(bytes));

	if (size > 0) {
		buffer_append(&watch->errors, bytes, (size_t)size);
		buffer_keep_tail(&watch->errors, ERRORS_KEPT);
	} else if (size == 0 || errno != EINTR) {
		close_stream(&watch->guest.errors);
	}
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* Once: asks the engine what the guest is doing, for which it has a few seconds. */
static void stop_for(struct watch *watch, enum cause cause)
{
	set_cause(watch, cause);
	if (watch->stopping)
		return;
	watch->stopping = true;
	watch->deadline = UINT64_MAX;
	limit_time(watch, DIAGNOSE_GRACE);
	if (!watch->gone)
		watch->guest.engine->interrupt(&watch->guest);
}

static void take_signal(struct watch *watch, int signals)
{
	struct signalfd_siginfo info;
	siginfo_t ended = {0};

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD) {
		set_cause(watch, CAUSE_SIGNAL);
		watch->outcome->signal = (int)info.ssi_signo;
		return;
	}
	/* Left unreaped: process_kill() still needs its number. */
	waitid(P_PID, (id_t)watch->guest.pid, &ended, WEXITED | WNOHANG | WNOWAIT);
	if (ended.si_pid == watch->guest.pid && !watch->gone) {
		watch->gone = true;
		limit_time(watch, PIPE_GRACE);
	}
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Over when both streams have ended, or when nothing more is wanted. */
static bool is_over(const struct watch *watch)
{
	bool at_once = watch->caused &&
	               (watch->outcome->cause == CAUSE_SIGNAL || watch->outcome->cause == CAUSE_REFUSED);

	return at_once || (watch->guest.output < 0 && watch->guest.errors < 0);
}

static bool passed_deadline(struct watch *watch)
{
	if (milliseconds() < watch->deadline)
		return false;
	if (watch->caused || watch->gone)
		return true;
	stop_for(watch, CAUSE_TIMEOUT);
	return false;
}

static void poll_once(struct watch *watch, int signals)
{
	struct pollfd fds[] = {{.fd = watch->guest.output, .events = POLLIN},
	                       {.fd = watch->guest.errors, .events = POLLIN},
	                       {.fd = watch->guest.control, .events = POLLIN},
	                       {.fd = signals, .events = POLLIN}};

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), TICK) < 0)
		return;
	if (fds[3].revents)
		take_signal(watch, signals);
	if (fds[0].revents)
		read_output(watch);
	if (fds[1].revents)
		read_errors(watch);
	if (fds[2].revents && watch->guest.engine->control(&watch->guest))
		stop_for(watch, CAUSE_TRIPLE_FAULT);
}

static void loop(struct watch *watch, int signals)
{
	while (!is_over(watch) && !passed_deadline(watch)) {
		poll_once(watch, signals);
		watch->events->idle(watch->events->context,
		                    (unsigned)((milliseconds() - watch->start) / 1000));
	}
}

/* ---- the end --------------------------------------------------------------------------------- */

static void explain_vanished(struct watch *watch)
{
	struct outcome *outcome = watch->outcome;
	const char *reason = outcome->diagnosis.reason;
	char how[128];

	process_describe_end(watch->wait_status, how, sizeof(how));
	snprintf(outcome->text, sizeof(outcome->text), "the emulator %s%s%.300s", how, *reason ? ": " : "",
	         reason);
}

static void conclude(struct watch *watch)
{
	struct outcome *outcome = watch->outcome;
	struct diagnosis diagnosis = {0};

	watch->guest.engine->diagnose(&watch->guest, watch->errors.data ? watch->errors.data : "",
	                              &diagnosis);
	memcpy(outcome->diagnosis.statistics, diagnosis.statistics, sizeof(diagnosis.statistics));
	if (watch->ended || watch->explained)
		return;
	outcome->diagnosis = diagnosis;
	if (diagnosis.ending == ENDING_TRIPLE_FAULT)
		set_cause(watch, CAUSE_TRIPLE_FAULT);
	if (diagnosis.ending == ENDING_TICK_LIMIT)
		set_cause(watch, CAUSE_TICK_LIMIT);
	if (!watch->caused) {
		set_cause(watch, CAUSE_VANISHED);
		explain_vanished(watch);
	}
}

static void finish(struct watch *watch)
{
	watch->wait_status = process_kill(watch->guest.pid);
	link_finish(&watch->link);
	take_console(watch, "", 0);
	if (watch->guest.output >= 0)
		close_stream(&watch->guest.output);
	if (watch->guest.errors >= 0)
		close_stream(&watch->guest.errors);
	conclude(watch);
	watch->outcome->lost = watch->link.lost;
	watch->outcome->damaged = watch->link.damaged;
	watch->guest.engine->release(&watch->guest);
	buffer_free(&watch->errors);
}

/* Signals that end the launcher, and the child's end. Under nohup a hangup stays ignored. */
static void choose_signals(sigset_t *watched)
{
	struct sigaction hangup;

	sigemptyset(watched);
	sigaddset(watched, SIGCHLD);
	sigaddset(watched, SIGINT);
	sigaddset(watched, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
		sigaddset(watched, SIGHUP);
}

int watch_guest(const struct engine *engine, const struct engine_config *config, unsigned timeout,
                const struct watch_events *events, struct outcome *outcome, char *reason, size_t size)
{
	static struct watch watch;
	struct link_handler handler = {.console = take_console, .line = take_line, .context = &watch};
	sigset_t watched, before;
	int signals;

	memset(outcome, 0, sizeof(*outcome));
	memset(&watch, 0, sizeof(watch));
	watch.guest = (struct guest){.engine = engine, .output = -1, .errors = -1, .control = -1};
	watch.events = events;
	watch.holds = config->counting != NULL;
	watch.outcome = outcome;
	link_init(&watch.link, &handler);
	choose_signals(&watched);
	sigprocmask(SIG_BLOCK, &watched, &before);
	signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0) {
		snprintf(reason, size, "no signal descriptor: %s", strerror(errno));
		return -1;
	}
	watch.start = milliseconds();
	watch.deadline = timeout ? watch.start + timeout * 1000UL : UINT64_MAX;
	if (engine->start(config, &watch.guest, reason, size) < 0) {
		close(signals);
		sigprocmask(SIG_SETMASK, &before, NULL);
		return -1;
	}
	loop(&watch, signals);
	finish(&watch);
	close(signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return 0;
}
