/* The subcommand. */
#include "host/calibrate/calibrate.h"
#include "host/command.h"
#include "host/hostinfo.h"
#include "host/install.h"
#include "host/options.h"
#include "host/records.h"
#include "host/report.h"
#include "host/status.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_LEAST 3  /* fewer have no quartiles */
#define GUEST_MEMORY 64 /* MiB: what `run` gives it */

static struct {
	const char *engine, *base;
	uint64_t rounds;
	bool emulated, help;
} request = {.engine = "auto", .rounds = 31};

static struct output_file output = {.path = "-", .fd = -1};

static const struct option_row options[] = {
        {"output", 'o', OPTION_TEXT, "FILE", "where the profile goes (`-`: standard output, default)",
         &output.path, 0, 0},
        {"engine", 'e', OPTION_TEXT, "NAME",
         "what executes the guest for events that need one: `auto`, the\nfirst that measures time here "
         "(default), "
         "or `none`",
         &request.engine, 0, 0},
        {"base", 'b', OPTION_TEXT, "FILE",
         "a profile whose events take the place of those that cannot\nbe measured here", &request.base, 0, 0},
        {"rounds", 'r', OPTION_NUMBER, "N", "measurements of each event (default 31)", &request.rounds,
         ROUNDS_LEAST, ROUNDS_MAX},
        {"emulated", 0, OPTION_FLAG, NULL,
         "write a profile although this CPU is an emulator, which counts\ninstructions; its values are "
         "unverified",
         &request.emulated, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &request.help, 0, 0},
        {0},
};

static struct metrics metrics;
static struct events events;

static void print_help(void)
{
	printf("Usage: portcullis calibrate [OPTION ...]\n\n"
	       "Measures on this machine the events that cost profiles name, and writes a profile for\n"
	       "`harness/run --profile FILE`. What cannot be measured is listed with its reason.\n\n");
	options_help(options);
	printf("\nExit status: 0, or 1: the measuring program failed, 2: wrong option or bad file, 3: the "
	       "engine is\n"
	       "not available or measures no time, 8: the profile could not be written.\n");
}

/* ---- the guest's engine --------------------------------------------------------------------- */

/* False, with the reason: it is not here, is no guest, or its ticks are no time. */
static bool measures(const struct engine *engine, char *reason, size_t size)
{
	struct engine_config config = {.rom = install_path("guest/rom.bin"), .memory = GUEST_MEMORY};
	const char *kind;

	if (engine->counts == ENGINE_COUNTS_PROCESSES) {
		snprintf(reason, size, "it is this Linux, which is measured in any case");
		return false;
	}
	if (!engine->probe(&config, reason, size))
		return false;
	kind = config.kvm ? engine->kvm_tick_kind : engine->tick_kind;
	if (!strcmp(kind, "measured"))
		return true;
	snprintf(reason, size, "its ticks are %s, no cycles",
	         !strcmp(kind, "counted") ? "instructions" : "an emulator's");
	return false;
}

/* The engine, or NULL: without a guest, whose reason is in `why`. False after a sentence. */
static bool choose_engine(const struct engine **engine, char *why, size_t size, enum status *status)
{
	char reason[REASON_MAX], names[128];
	size_t used = 0;

	*engine = NULL;
	if (!strcmp(request.engine, "none")) {
		snprintf(why, size, "none was wanted");
		return true;
	}
	if (strcmp(request.engine, "auto")) {
		*engine = engine_find(request.engine);
		engine_names(names, sizeof(names));
		*status = *engine ? STATUS_NO_ENGINE : STATUS_USAGE;
		if (!*engine)
			report_error("unknown engine \"%s\"; there are auto, none, %s", request.engine,
			             names);
		else if (!measures(*engine, reason, sizeof(reason)))
			report_error("engine %s cannot calibrate: %s", request.engine, reason);
		else
			return true;
		return false;
	}
	*why = '\0';
	for (unsigned i = 0; (*engine = engine_at(i)) && (*engine)->rank < ENGINE_RANK_NAMED; i++) {
		if (measures(*engine, reason, sizeof(reason)))
			return true;
		if (used < size)
			used += (size_t)snprintf(why + used, size - used, "%s%s: %s", used ? "; " : "",
			                         (*engine)->name, reason);
	}
	*engine = NULL;
	return true;
}

/* ---- measuring and writing ------------------------------------------------------------------ */

/* What was measured and what was not, for people. */
static void report_events(void)
{
	for (unsigned i = 0; i < events.count; i++) {
		const struct event *event = &events.list[i];

		if (*event->reason)
			report_line("%-15s not measured: %s", event->name, event->reason);
		else
			report_line("%-15s %.4g %s, quartiles %.4g and %.4g%s", event->name,
			            event->cycles.median, events.emulated ? "instructions" : "cycles",
			            event->cycles.first_quartile, event->cycles.third_quartile,
			            event->cycles.unstable ? ": unstable" : "");
	}
	if (events.frequency.unstable)
		report_line("the core's frequency is unstable: quartiles %.4g and %.4g Hz",
		            events.frequency.first_quartile, events.frequency.third_quartile);
}

static enum status write_profile(const struct engine *engine, const char *why_no_guest,
                                 const struct buffer *base)
{
	struct buffer text = {0}, guest = {0}, command = {0};
	char date[32], host[256], cpu[128], reason[REASON_MAX];
	struct provenance provenance = {
	        .date = date, .host = host, .cpu = cpu, .rounds = (unsigned)request.rounds};
	time_t now = time(NULL);
	enum status status = STATUS_OK;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	host_describe(host, sizeof(host));
	host_cpu_model(cpu, sizeof(cpu));
	buffer_printf(&guest, engine ? "engine %s" : "none: %s", engine ? engine->name : why_no_guest);
	buffer_printf(&command, "portcullis calibrate --engine %s --rounds %lu", request.engine,
	              request.rounds);
	if (request.base)
		buffer_printf(&command, " --base %s", request.base);
	provenance.guest = guest.data;
	provenance.command = command.data;
	profile_write(&events, &provenance, base->data, request.base, &text);
	/* Only now: what fails before leaves a profile of earlier as it is. */
	if (output_open(&output, reason, sizeof(reason)) < 0 ||
	    output_write(&output, text.data, text.size, reason, sizeof(reason)) < 0 ||
	    output_close(&output, reason, sizeof(reason)) < 0) {
		report_error("%s", reason);
		status = STATUS_DATA_LOST;
	}
	buffer_free(&text);
	buffer_free(&guest);
	buffer_free(&command);
	return status;
}

static enum status calibrate(const struct engine *engine, const char *why_no_guest, const struct buffer *base)
{
	char reason[REASON_MAX];

	if (gather_host((unsigned)request.rounds, &metrics, reason, sizeof(reason)) < 0 ||
	    (engine &&
	     gather_guest(engine, (unsigned)request.rounds, &metrics, reason, sizeof(reason)) < 0)) {
		report_error("%s", reason);
		return STATUS_RUN_FAILED;
	}
	if (!events_make(&metrics, &events)) {
		report_error("the measuring program gave no cycle to count in");
		return STATUS_RUN_FAILED;
	}
	if (events.emulated && !request.emulated) {
		report_error("this CPU is an emulator: a multiplication takes as long as an addition, so its "
		             "ticks are no "
		             "cycles (--emulated writes a profile of them)");
		return STATUS_NO_ENGINE;
	}
	if (!engine)
		report_line("no guest: %s", why_no_guest);
	report_events();
	return write_profile(engine, why_no_guest, base);
}

static int run(int argc, char **argv)
{
	char why_no_guest[REASON_MAX];
	struct buffer base = {0};
	const struct engine *engine;
	enum status status;
	int error;

	options_parse(options, "calibrate", argc, argv);
	if (request.help) {
		print_help();
		return STATUS_OK;
	}
	error = request.base ? buffer_read_file(&base, request.base) : 0;
	if (error || (request.base && (!base.data || !strstr(base.data, "[events.")))) {
		report_error("--base %s: %s", request.base,
		             error ? strerror(-error) : "no event has a table of its own there");
		return STATUS_USAGE;
	}
	if (!choose_engine(&engine, why_no_guest, sizeof(why_no_guest), &status))
		return status;
	status = calibrate(engine, why_no_guest, &base);
	buffer_free(&base);
	return status;
}

COMMAND(calibrate) = {.name = "calibrate", .summary = "measure a cost profile of this machine", .run = run};
