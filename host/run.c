/* `portcullis run`: one plan on one engine. */
#include "host/archive.h"
#include "host/command.h"
#include "host/hostinfo.h"
#include "host/image.h"
#include "host/install.h"
#include "host/options.h"
#include "host/plan_check.h"
#include "host/report.h"
#include "host/session.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MEMORY  64
#define DEFAULT_TIMEOUT 600
#define ANY_CPU         UINT64_MAX

static struct {
	const char *engine, *plan, *root, *kernel, *rom, *run_id, *counters, *uri, *cpu_model, *platform;
	uint64_t memory, limit_ticks, timeout, seed, cpu;
	struct buffer options;
	bool huge_pages, help;
} request = {.engine = "auto",
             .counters = "none",
             .memory = DEFAULT_MEMORY,
             .timeout = DEFAULT_TIMEOUT,
             .seed = 1,
             .cpu = ANY_CPU};

static struct perf perf;
static struct session session = {.console.fd = -1, .records.fd = -1, .summary.fd = -1};

static const struct option_row options[] = {
        {"plan", 'p', OPTION_TEXT, "FILE", "what to run, one program a line (guest/plan/plan.h); needed",
         &request.plan, 0, 0},
        {"root", 'r', OPTION_TEXT, "DIR|FILE", "the guest's file system: a folder, or a cpio archive (newc)",
         &request.root, 0, 0},
        {"engine", 'e', OPTION_TEXT, "NAME",
         "what executes the guest, or `auto`: the first that is here (default)", &request.engine, 0, 0},
        {"memory", 'm', OPTION_NUMBER, "MIB", "RAM of the guest (default 64)", &request.memory, MEMORY_MIN,
         MEMORY_MAX},
        {"records", 'o', OPTION_TEXT, "FILE",
         "where records go, one JSON object a line (`-`: standard output)", &session.records.path, 0, 0},
        {"summary", 0, OPTION_TEXT, "FILE", "where a line for each run goes: how it ended, ticks, memory",
         &session.summary.path, 0, 0},
        {"console", 'c', OPTION_TEXT, "FILE", "where the guest's console goes", &session.console.path, 0, 0},
        {"verbose", 'v', OPTION_FLAG, NULL,
         "copy the console to standard output; without, its last lines\nare shown when "
         "a run fails",
         &session.verbose, 0, 0},
        {"quiet", 'q', OPTION_FLAG, NULL, "report failures only", &session.quiet, 0, 0},
        {"limit-ticks", 'l', OPTION_NUMBER, "N", "stop the guest at this tick (0: no limit, default)",
         &request.limit_ticks, 0, INT64_MAX},
        {"timeout", 't', OPTION_NUMBER, "SECONDS", "stop the guest after this time (0: never; default 600)",
         &request.timeout, 0, 1000000},
        {"seed", 's', OPTION_NUMBER, "N", "of the guest's random numbers (default 1)", &request.seed, 0,
         INT64_MAX},
        {"option", 0, OPTION_WORDS, "KEY=VALUE",
         "an option for the kernel (guest/README.md); may be given again", &request.options, 0, 0},
        {"cpu", 0, OPTION_NUMBER, "N", "the host's CPU that runs the guest (engine kvm; default: any)",
         &request.cpu, 0, CPU_SETSIZE - 1},
        {"huge-pages", 0, OPTION_FLAG, NULL,
         "take the guest's memory from the host's pool of huge pages (engine kvm)", &request.huge_pages, 0,
         0},
        {"counters", 0, OPTION_TEXT, "LIST|all|none",
         "performance counters around each run, by commas (engines kvm\nand native; host/README.md names "
         "them)",
         &request.counters, 0, 0},
        {"uri", 0, OPTION_TEXT, "URI",
         "of libvirt (engine libvirt; default: $LIBVIRT_DEFAULT_URI, else qemu:///system for root\nand "
         "qemu:///session for others)",
         &request.uri, 0, 0},
        {"cpu-model", 0, OPTION_TEXT, "NAME",
         "CPU of libvirt's list that the guest gets, with pku, pcid and vmx (engine libvirt; default:\nall "
         "that the host has)",
         &request.cpu_model, 0, 0},
        {"platform", 0, OPTION_TEXT, "FILE",
         "what runs the programs (engine native; default: portcullis-native beside the launcher)",
         &request.platform, 0, 0},
        {"run-id", 0, OPTION_TEXT, "TEXT", "the field `run` of the records", &request.run_id, 0, 0},
        {"kernel", 0, OPTION_TEXT, "FILE",
         "flat kernel (default: guest/kernel.bin beside the launcher);\nsymbols come from "
         "the .elf file of the same name",
         &request.kernel, 0, 0},
        {"rom", 0, OPTION_TEXT, "FILE", "reset ROM (default: guest/rom.bin beside the launcher)",
         &request.rom, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &request.help, 0, 0},
        {0},
};

static void print_help(void)
{
	char names[128];

	engine_names(names, sizeof(names));
	printf("Usage: portcullis run --plan FILE [--root DIR] [OPTION ...]\n\n"
	       "Boots the guest kernel and executes the plan. Numbers may end in K, M or G (powers of "
	       "1000).\n"
	       "Standard error says how each run ended. Engines: %s; see `portcullis engines`.\n\n",
	       names);
	options_help(options);
	printf("\n%s", status_help);
}

/* The best engine that is here. NULL after a sentence. */
static const struct engine *take_best(struct engine_config *config)
{
	const struct engine *engine;
	char names[128], reason[REASON_MAX];

	for (unsigned i = 0; (engine = engine_at(i)) && engine->rank < ENGINE_RANK_NAMED; i++)
		if (engine->probe(config, reason, sizeof(reason)))
			return engine;
	engine_names(names, sizeof(names));
	report_error("no engine is available (%s): see `portcullis engines`", names);
	return NULL;
}

/* The engine that the user wants, probed. NULL after a sentence; *status says which kind. */
static const struct engine *choose_engine(struct engine_config *config, enum status *status)
{
	const struct engine *engine = engine_find(request.engine);
	char names[128], reason[REASON_MAX];

	*status = STATUS_NO_ENGINE;
	if (!strcmp(request.engine, "auto")) {
		engine = take_best(config);
	} else if (!engine) {
		engine_names(names, sizeof(names));
		report_error("unknown engine \"%s\"; there are auto, %s", request.engine, names);
		*status = STATUS_USAGE;
	} else if (!engine->probe(config, reason, sizeof(reason))) {
		report_error("engine %s is not available: %s", engine->name, reason);
		engine = NULL;
	}
	if (engine && session.verbose && *config->remark)
		report_line("engine %s: %s", engine->name, config->remark);
	return engine;
}

/* The kernel's command line. */
static void write_command(const struct engine *engine, struct buffer *command)
{
	buffer_printf(command, "seed=%lu", request.seed);
	if (engine->tsc_hz)
		buffer_printf(command, " tsc_hz=%lu", engine->tsc_hz);
	if (request.limit_ticks)
		buffer_printf(command, " limit=%lu", request.limit_ticks);
	if (perf.counts != ENGINE_COUNTS_NOTHING)
		buffer_printf(command, " hold=1");
	if (request.options.size)
		buffer_printf(command, " %s", request.options.data);
}

/* Reads and checks all that the user gave. The image's descriptor, or -1 with a sentence. */
static int prepare(const struct engine *engine, char *reason, size_t size)
{
	struct image_parts parts = {.kernel = request.kernel, .memory = (unsigned)request.memory};
	struct buffer command = {0};
	int error, image = -1;

	if (image_check_rom(request.rom, reason, size) < 0)
		return -1;
	error = buffer_read_file(&parts.plan, request.plan);
	if (error)
		snprintf(reason, size, "plan %s: %s", request.plan, strerror(-error));
	else if (!request.root || archive_load(request.root, &parts.archive, reason, size) == 0) {
		write_command(engine, &command);
		parts.command = command.data;
		if (plan_check(request.plan, &parts.plan, &parts.archive, reason, size) == 0)
			image = image_build(&parts, reason, size);
	}
	buffer_free(&command);
	buffer_free(&parts.plan);
	buffer_free(&parts.archive);
	return image;
}

/* The child is there, and has not begun. */
static void open_counters(void *context, pid_t pid)
{
	(void)context;
	perf_open(&perf, pid);
	for (const char *line = perf.remarks.data; line && *line; line = strchr(line, '\n') + 1)
		report_line("%.*s", (int)strcspn(line, "\n"), line);
}

/* Which counters there are to be. 0, or -1 after a sentence. */
static int choose_counters(const struct engine *engine, struct engine_config *config)
{
	static const struct engine_counting counting = {.open = open_counters};
	char reason[REASON_MAX];

	if (perf_choose(request.counters, &perf.chosen, reason, sizeof(reason)) < 0) {
		report_error("--counters %s: %s", request.counters, reason);
		return -1;
	}
	if (!perf.chosen)
		return 0;
	perf.counts = engine->counts;
	if (perf.counts != ENGINE_COUNTS_NOTHING)
		config->counting = &counting;
	else
		report_line("not counted: %s: engine %s cannot tell the guest's events from its own",
		            request.counters, engine->name);
	return 0;
}

static enum status execute(const struct engine *engine, const struct engine_config *config)
{
	struct symbols *symbols = symbols_load(install_sibling(request.kernel, ".elf"));
	struct watch_events events;
	struct outcome outcome;
	char reason[REASON_MAX], host[256];
	enum status status;

	host_describe(host, sizeof(host));
	session.context = (struct record_context){
	        .engine = engine, .kvm = config->kvm, .host = host, .run = request.run_id};
	session.symbols = symbols;
	session.timeout = (unsigned)request.timeout;
	session.limit_ticks = request.limit_ticks;
	session.perf = perf.counts != ENGINE_COUNTS_NOTHING ? &perf : NULL;
	session_events(&session, &events);
	if (watch_guest(engine, config, session.timeout, &events, &outcome, reason, sizeof(reason)) == 0) {
		status = session_verdict(&session, &outcome);
	} else {
		report_error("%s", reason);
		status = STATUS_NO_ENGINE;
	}
	symbols_free(symbols);
	perf_close(&perf);
	return status;
}

static int run(int argc, char **argv)
{
	struct output_file *outputs[] = {&session.console, &session.records, &session.summary};
	char reason[REASON_MAX];
	const struct engine *engine;
	struct engine_config config;
	enum status status;

	options_parse(options, "run", argc, argv);
	if (request.help) {
		print_help();
		return STATUS_OK;
	}
	if (!request.plan) {
		report_error("--plan is needed");
		return STATUS_USAGE;
	}
	if (!request.kernel)
		request.kernel = install_path("guest/kernel.bin");
	if (!request.rom)
		request.rom = install_path("guest/rom.bin");
	config = (struct engine_config){.rom = request.rom,
	                                .memory = (unsigned)request.memory,
	                                .limit_ticks = request.limit_ticks,
	                                .cpu = request.cpu == ANY_CPU ? -1 : (int)request.cpu,
	                                .huge_pages = request.huge_pages,
	                                .uri = request.uri,
	                                .cpu_model = request.cpu_model,
	                                .platform = request.platform};
	engine = choose_engine(&config, &status);
	if (!engine)
		return status;
	if (request.memory > engine->memory_max) {
		report_error("--memory %lu: engine %s gives a guest at most %u MiB", request.memory,
		             engine->name, engine->memory_max);
		return STATUS_USAGE;
	}
	if (!engine->places && (request.cpu != ANY_CPU || request.huge_pages)) {
		report_error("engine %s knows neither --cpu nor --huge-pages", engine->name);
		return STATUS_USAGE;
	}
	if (!engine->domains && (request.uri || request.cpu_model)) {
		report_error("engine %s knows neither --uri nor --cpu-model", engine->name);
		return STATUS_USAGE;
	}
	if (!engine->platforms && request.platform) {
		report_error("engine %s does not know --platform", engine->name);
		return STATUS_USAGE;
	}
	if (choose_counters(engine, &config) < 0)
		return STATUS_USAGE;
	config.image = prepare(engine, reason, sizeof(reason));
	if (config.image < 0) {
		report_error("%s", reason);
		return STATUS_USAGE;
	}
	for (unsigned i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		if (output_open(outputs[i], reason, sizeof(reason)) < 0) {
			report_error("%s", reason);
			return STATUS_DATA_LOST;
		}
	}
	status = execute(engine, &config);
	if (!session_close(&session) && status <= STATUS_RUN_FAILED)
		status = STATUS_DATA_LOST;
	return status;
}

COMMAND(run) = {.name = "run", .summary = "execute a plan in a guest", .run = run};
