#include "host/session.h"

#include "guest/abi/link.h"
#include "guest/fs/json.h"
#include "host/json.h"
#include "host/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAIL_KEPT  16384 /* bytes of the console for a failure's report */
#define TAIL_LINES 20
#define TAIL_WIDTH 200

/* ---- the console ----------------------------------------------------------------------------- */

static void take_console(void *context, const char *text, size_t size)
{
	struct session *session = context;

	buffer_append(&session->tail, text, size);
	buffer_keep_tail(&session->tail, TAIL_KEPT);
	if (session->verbose) {
		report_progress_end();
		if (write_all(STDOUT_FILENO, text, size) < 0 && !*session->failure)
			snprintf(session->failure, sizeof(session->failure),
			         "standard output cannot be written");
	}
	if (!*session->failure)
		output_write(&session->console, text, size, session->failure, sizeof(session->failure));
}

/* The last lines of the console, where the user has not seen them. */
static void show_tail(const struct session *session)
{
	const char *text = session->tail.data, *start;
	size_t size = session->tail.size, lines = 0;

	if (session->verbose || !size)
		return;
	if (text[size - 1] == '\n')
		size--;
	for (start = text + size; start > text && lines < TAIL_LINES; start--)
		lines += start[-1] == '\n' && start != text + size;
	if (start > text)
		start++;
	for (const char *end = text + size; start <= end;) {
		size_t length = strcspn(start, "\n");

		if (length > (size_t)(end - start))
			length = (size_t)(end - start);
		report_line("  | %.*s", (int)(length < TAIL_WIDTH ? length : TAIL_WIDTH), start);
		start += length + 1;
	}
}

/* ---- the guest's lines ----------------------------------------------------------------------- */

static bool take_record(struct session *session, const char *payload, size_t size)
{
	struct buffer line = {0};

	json_string(payload, "backend", session->backend, sizeof(session->backend));
	if (!record_complete(&session->context, payload, size, &line))
		snprintf(session->failure, sizeof(session->failure),
		         "the guest sent a record that is no JSON object: %.200s", payload);
	else if (output_write(&session->records, line.data, line.size, session->failure,
	                      sizeof(session->failure)) == 0)
		session->records_written++;
	buffer_free(&line);
	return !*session->failure;
}

/* ---- counters ---------------------------------------------------------------------------------- */

/* Of the run that has ended: a record for each counter that counted. */
static void record_counters(struct session *session, uint64_t repetition)
{
	for (unsigned i = 0; session->perf && i < session->perf->count; i++) {
		const struct perf_counter *counter = &session->perf->counters[i];
		struct perf_count count = perf_read(session->perf, i);
		struct buffer record = {0};

		if (count.result == PERF_NEVER) {
			report_line("%s: not counted: %s: the CPU's counters were taken all the time",
			            session->id, counter->metric);
			continue;
		}
		buffer_printf(&record, "{\"schema\":1,\"workload\":\"%s\",\"repetition\":%lu,\"backend\":",
		              session->context.line, repetition);
		json_quote(&record, session->backend);
		buffer_printf(
		        &record,
		        ",\"metric\":\"%s\",\"unit\":\"%s\",\"value\":%lu,\"n\":1,\"kind\":\"measured\"",
		        counter->metric, counter->event->unit, count.value);
		if (count.result == PERF_SCALED)
			buffer_printf(&record, ",\"scaled\":%.4f,\"enabled\":%lu,\"running\":%lu",
			              count.factor, count.enabled, count.running);
		buffer_append(&record, "}", 1);
		take_record(session, record.data, record.size);
		buffer_free(&record);
	}
}

static void take_id(struct session *session, const char *payload)
{
	uint64_t repetition;
	char *id = session->context.line;

	json_string(payload, "id", id, sizeof(session->context.line));
	json_number(payload, "repetition", &repetition);
	if (repetition)
		snprintf(session->id, sizeof(session->id), "%s #%lu", id, repetition + 1);
	else
		snprintf(session->id, sizeof(session->id), "%s", id);
}

static void take_start(struct session *session, const char *payload)
{
	take_id(session, payload);
	json_number(payload, "line", &session->run);
	json_number(payload, "of", &session->of);
	session->running = true;
	buffer_keep_tail(&session->tail, 0);
	if (session->perf)
		perf_start(session->perf);
}

/* Why a run ended, for people. True: with exit status 0. */
static bool describe_end(const char *payload, char *text, size_t size)
{
	char reason[32], symbol[128], instruction[32], address[32];
	uint64_t status, number;

	json_string(payload, "reason", reason, sizeof(reason));
	json_string(payload, "symbol", symbol, sizeof(symbol));
	json_string(payload, "instruction", instruction, sizeof(instruction));
	json_string(payload, "address", address, sizeof(address));
	json_number(payload, "status", &status);
	json_number(payload, "signal", &number);
	if (!strcmp(reason, "exited")) {
		snprintf(text, size, "exited %lu", status);
		return status == 0;
	}
	if (!strcmp(reason, "signal") && (*symbol || strspn(instruction, "0") != strlen(instruction)))
		snprintf(text, size, "killed by signal %lu (%s) at %s%s%s, address %s", number,
		         strsignal((int)number), instruction, *symbol ? " " : "", symbol, address);
	else if (!strcmp(reason, "signal"))
		snprintf(text, size, "killed by signal %lu (%s)", number, strsignal((int)number));
	else if (!strcmp(reason, "start"))
		snprintf(text, size, "could not be started: %s", strerror((int)status));
	else if (!strcmp(reason, "memory"))
		snprintf(text, size, "ran out of memory");
	else if (!strcmp(reason, "ticks"))
		snprintf(text, size, "reached its limit of ticks");
	else if (!strcmp(reason, "deadlock"))
		snprintf(text, size, "deadlocked: all its threads wait and nothing can wake one");
	else
		snprintf(text, size, "ended: %s", reason);
	return false;
}

static bool take_done(struct session *session, const char *payload, size_t size)
{
	struct buffer line = {0};
	char how[512];
	uint64_t ticks, repetition;
	bool good = describe_end(payload, how, sizeof(how));

	take_id(session, payload);
	json_number(payload, "repetition", &repetition);
	record_counters(session, repetition);
	json_number(payload, "ticks", &ticks);
	session->running = false;
	session->failures += !good;
	if (!good || !session->quiet)
		report_line("%s: %s, %lu ticks", session->id, how, ticks);
	if (!good)
		show_tail(session);
	buffer_keep_tail(&session->tail, 0);
	buffer_append(&line, payload, size);
	buffer_append(&line, "\n", 1);
	output_write(&session->summary, line.data, line.size, session->failure, sizeof(session->failure));
	buffer_free(&line);
	return !*session->failure;
}

static void take_boot(struct session *session, const char *payload, size_t size)
{
	json_string(payload, "cpu", session->context.cpu, sizeof(session->context.cpu));
	buffer_append(&session->boot, payload, size);
}

static bool take_line(void *context, char type, const char *payload, size_t size)
{
	struct session *session = context;

	if (*session->failure)
		return false;
	if (!json_is_object(payload, size)) {
		snprintf(session->failure, sizeof(session->failure),
		         "the guest sent a line that is no JSON object: %c %.200s", type, payload);
		return false;
	}
	switch (type) {
	case LINK_BOOT:
		take_boot(session, payload, size);
		return true;
	case LINK_RECORD:
		return take_record(session, payload, size);
	case LINK_START:
		take_start(session, payload);
		return true;
	case LINK_DONE:
		return take_done(session, payload, size);
	default:
		return true; /* a newer guest may say more */
	}
}

static void show_progress(void *context, unsigned seconds)
{
	const struct session *session = context;

	if (session->of && !session->quiet)
		report_progress("[%lu/%lu] %s, %u s", session->run, session->of, session->id, seconds);
}

void session_events(struct session *session, struct watch_events *events)
{
	*events = (struct watch_events){
	        .console = take_console, .line = take_line, .idle = show_progress, .context = session};
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static void show_trace(const struct session *session, const struct diagnosis *diagnosis)
{
	char name[256];

	for (unsigned i = 0; i < diagnosis->depth; i++) {
		if (session->running &&
		    !(diagnosis->trace[i] >> 63)) { /* programs have no frame pointers to follow */
			report_line("  #%-2u %016lx (program)", i, diagnosis->trace[i]);
			break;
		}
		symbols_describe(session->symbols, diagnosis->trace[i], i > 0, name, sizeof(name));
		report_line("  #%-2u %016lx %s", i, diagnosis->trace[i], name);
	}
	if (session->verbose && *diagnosis->registers)
		report_line("%s", diagnosis->registers);
}

/* " (tick 123), in run ID": where the guest was. */
static void describe_place(const struct session *session, const struct diagnosis *diagnosis, char *text,
                           size_t size)
{
	char tick[40] = "";

	if (diagnosis->ticks)
		snprintf(tick, sizeof(tick), " at tick %lu", diagnosis->ticks);
	if (session->running)
		snprintf(text, size, "%s, in run %s", tick, session->id);
	else
		snprintf(text, size, "%s, %s", tick,
		         session->boot.size ? "between runs" : "before it had started");
}

static enum status judge_end(const struct session *session, const struct outcome *outcome)
{
	if (outcome->end_status > 1) {
		report_error("the guest found no valid plan");
		return STATUS_USAGE;
	}
	return outcome->end_status || session->failures ? STATUS_RUN_FAILED : STATUS_OK;
}

/* The sentence for a guest that did not reach its end. */
static enum status explain_death(const struct session *session, const struct outcome *outcome)
{
	char place[256];

	describe_place(session, &outcome->diagnosis, place, sizeof(place));
	switch (outcome->cause) {
	case CAUSE_PANIC:
		report_error("the guest kernel panicked%s: %s", place, outcome->text);
		return STATUS_PANIC;
	case CAUSE_TRIPLE_FAULT:
		report_error("the guest died of a triple fault%s", place);
		return STATUS_DIED;
	case CAUSE_TICK_LIMIT:
		report_error("the guest reached the limit of %lu ticks%s", session->limit_ticks, place);
		return STATUS_TICK_LIMIT;
	case CAUSE_TIMEOUT:
		report_error("the guest did not end within %u s: stopped%s", session->timeout, place);
		return STATUS_TIMEOUT;
	default:
		report_error("the guest died without a word%s: %s", place, outcome->text);
		return STATUS_DIED;
	}
}

static enum status judge(const struct session *session, const struct outcome *outcome)
{
	enum status status;

	switch (outcome->cause) {
	case CAUSE_ENDED:
		return judge_end(session, outcome);
	case CAUSE_SIGNAL:
		report_error("interrupted by signal %d (%s)", outcome->signal, strsignal(outcome->signal));
		return STATUS_INTERRUPTED + outcome->signal;
	case CAUSE_REFUSED:
		return STATUS_DATA_LOST;
	default:
		status = explain_death(session, outcome);
		show_trace(session, &outcome->diagnosis);
		show_tail(session);
		return status;
	}
}

/* Of the whole guest. */
static void show_counters(const struct perf *perf)
{
	struct buffer text = {0};

	perf_describe(perf, &text);
	if (text.size)
		report_line("counters, whole guest: %s", text.data);
	buffer_free(&text);
}

enum status session_verdict(struct session *session, const struct outcome *outcome)
{
	enum status status;
	bool incomplete;

	report_progress_end();
	status = judge(session, outcome);
	if (session->verbose && *outcome->diagnosis.statistics)
		report_line("%s", outcome->diagnosis.statistics);
	if (session->verbose && session->perf)
		show_counters(session->perf);
	if (*session->failure)
		report_error("%s", session->failure);
	/* A guest that was stopped here at once may have been in the middle of a line. */
	incomplete = (outcome->lost || outcome->damaged) && outcome->cause != CAUSE_SIGNAL &&
	             outcome->cause != CAUSE_REFUSED;
	if (incomplete)
		report_error(
		        "of the guest's lines %lu were lost and %lu damaged: the results are not complete",
		        outcome->lost, outcome->damaged);
	if (status <= STATUS_RUN_FAILED && (*session->failure || incomplete))
		status = STATUS_DATA_LOST;
	return status;
}

bool session_close(struct session *session)
{
	struct output_file *files[] = {&session->console, &session->records, &session->summary};
	char reason[REASON_MAX];
	bool good = true;

	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (output_close(files[i], reason, sizeof(reason)) == 0)
			continue;
		report_error("%s", reason);
		good = false;
	}
	buffer_free(&session->tail);
	buffer_free(&session->boot);
	return good;
}
