/* `portcullis engines`: what is available here, by booting an empty plan on each engine. */
#include "guest/abi/link.h"
#include "host/command.h"
#include "host/image.h"
#include "host/install.h"
#include "host/json.h"
#include "host/options.h"
#include "host/report.h"
#include "host/session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIAL_MEMORY  32 /* MiB */
#define TRIAL_SECONDS 20

static bool want_help;
static const char *uri;
static struct buffer kernel_options;

static const struct option_row options[] = {
        {"option", 0, OPTION_WORDS, "KEY=VALUE",
         "an option for the kernel (guest/README.md); may be given again", &kernel_options, 0, 0},
        {"uri", 0, OPTION_TEXT, "URI", "of libvirt", &uri, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &want_help, 0, 0},
        {0},
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Members of LINK_BOOT that say whether the guest's CPU has something. */
static const char *const features[] = {"pku", "vmx", "pcid"};

static void print_features(const char *boot)
{
	const char *separator = "; ";
	char cpu[128];

	json_string(boot, "cpu", cpu, sizeof(cpu));
	printf("CPU %s", *cpu ? cpu : "unknown");
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		uint64_t has;

		if (!json_number(boot, features[i], &has))
			continue;
		printf("%s%s%s", separator, has ? "" : "no ", features[i]);
		separator = ", ";
	}
}

/* What the machine lacks, or does not do as it should: a line each. */
static void print_remarks(const char *boot)
{
	char remarks[1024];

	json_string(boot, "remarks", remarks, sizeof(remarks));
	for (char *rest = remarks, *line; (line = strtok_r(rest, "\n", &rest));)
		printf("%9s%s\n", "", line);
}

static void ignore_console(void *context, const char *text, size_t size)
{
	(void)context, (void)text, (void)size;
}

static bool keep_boot(void *context, char type, const char *payload, size_t size)
{
	if (type == LINK_BOOT && !((struct buffer *)context)->size)
		buffer_append(context, payload, size);
	return true;
}

static void ignore_time(void *context, unsigned seconds)
{
	(void)context, (void)seconds;
}

/* Boots an empty plan. True: it reached its end. */
static bool try_engine(const struct engine *engine, struct engine_config *config, struct buffer *boot,
                       struct outcome *outcome, char *reason, size_t size)
{
	struct watch_events events = {
	        .console = ignore_console, .line = keep_boot, .idle = ignore_time, .context = boot};
	struct image_parts parts = {.kernel = install_path("guest/kernel.bin"), .memory = TRIAL_MEMORY};
	struct buffer command = {0};
	int result = -1;

	if (!engine->probe(config, reason, size))
		return false;
	buffer_printf(&command, "tsc_hz=%lu", engine->tsc_hz);
	if (kernel_options.size)
		buffer_printf(&command, " %s", kernel_options.data);
	parts.command = command.data;
	config->image =
	        image_check_rom(config->rom, reason, size) < 0 ? -1 : image_build(&parts, reason, size);
	if (config->image >= 0) {
		result = watch_guest(engine, config, TRIAL_SECONDS, &events, outcome, reason, size);
		close(config->image);
	}
	buffer_free(&command);
	if (result == 0 && outcome->cause == CAUSE_TIMEOUT)
		snprintf(reason, size, "a guest with nothing to do did not end within %d s", TRIAL_SECONDS);
	else if (result == 0 && outcome->cause == CAUSE_TRIPLE_FAULT)
		snprintf(reason, size, "the guest dies of a triple fault");
	else if (result == 0)
		snprintf(reason, size, "%s", outcome->text);
	return result == 0 && outcome->cause == CAUSE_ENDED;
}

static int run(int argc, char **argv)
{
	const struct engine *engine;
	unsigned working = 0;

	options_parse(options, "engines", argc, argv);
	if (want_help) {
		printf("Usage: portcullis engines [OPTION ...]\n\n"
		       "Boots the guest kernel with an empty plan on each engine and says what works here, "
		       "and why not.\n"
		       "Exits with 0 when an engine works that `auto` may choose, else with %d.\n\n",
		       STATUS_NO_ENGINE);
		options_help(options);
		return STATUS_OK;
	}
	for (unsigned i = 0; (engine = engine_at(i)); i++) {
		struct buffer boot = {0};
		struct outcome outcome = {0};
		struct engine_config config = {
		        .rom = install_path("guest/rom.bin"), .memory = TRIAL_MEMORY, .cpu = -1, .uri = uri};
		char reason[REASON_MAX] = "";
		double start = now();
		bool works = try_engine(engine, &config, &boot, &outcome, reason, sizeof(reason));

		if (!works && !*reason && outcome.cause == CAUSE_SIGNAL) {
			report_error("interrupted by signal %d (%s)", outcome.signal,
			             strsignal(outcome.signal));
			return STATUS_INTERRUPTED + outcome.signal;
		}
		printf("%-8s %s: ", engine->name, works ? "works" : "does not work");
		if (works) {
			if (*config.remark)
				printf("%s; ", config.remark);
			print_features(boot.data ? boot.data : "{}");
			printf("; ticks are %s; booted and ended in %.2f s\n",
			       config.kvm ? engine->kvm_tick_kind : engine->tick_kind, now() - start);
			print_remarks(boot.data ? boot.data : "{}");
		} else {
			printf("%s\n", reason);
		}
		fflush(stdout);
		working += works && engine->rank < ENGINE_RANK_NAMED;
		buffer_free(&boot);
	}
	return working ? STATUS_OK : STATUS_NO_ENGINE;
}

COMMAND(engines) = {.name = "engines", .summary = "say which engines work here, by trying", .run = run};
