/* `portcullis engines`: what works here, by trying it in a guest on each engine. */
#include "host/command.h"
#include "host/json.h"
#include "host/options.h"
#include "host/report.h"
#include "host/status.h"
#include "host/trial.h"

#include <stdio.h>
#include <string.h>

#define TRIAL_MEMORY 32 /* MiB */

static bool want_help, want_json;
static const char *uri;
static struct buffer kernel_options;

static const struct option_row options[] = {
        {"json", 0, OPTION_FLAG, NULL, "a JSON object for each engine, and one for the choice", &want_json, 0,
         0},
        {"option", 0, OPTION_WORDS, "KEY=VALUE",
         "an option for the kernel (guest/README.md); may be given again", &kernel_options, 0, 0},
        {"uri", 0, OPTION_TEXT, "URI", "of libvirt", &uri, 0, 0},
        {"help", 'h', OPTION_FLAG, NULL, "print this text", &want_help, 0, 0},
        {0},
};

/* What records with the unit of ticks are on this engine. */
static const char *tick_kind(const struct trial *trial)
{
	return trial->config.kvm ? trial->engine->kvm_tick_kind : trial->engine->tick_kind;
}

/* ---- for people ------------------------------------------------------------------------------ */

/* ", no pku": what was found of something, in few words. */
static void print_finding(const char *name, enum finding finding)
{
	switch (finding) {
	case FINDING_UNKNOWN:
		break;
	case FINDING_ABSENT:
		printf(", no %s", name);
		break;
	case FINDING_WORKS:
		printf(", %s", name);
		break;
	default:
		printf(", %s %s", name, finding_name(finding));
		break;
	}
}

static void print_trial(const struct trial *trial)
{
	char remarks[sizeof(trial->remarks)];

	if (!trial->works) {
		printf("%-8s does not work: %s\n", trial->engine->name, trial->reason);
		return;
	}
	printf("%-8s works: ", trial->engine->name);
	if (*trial->config.remark)
		printf("%s; ", trial->config.remark);
	printf("CPU %s; ring 3", *trial->cpu ? trial->cpu : "unknown");
	print_finding("pku", trial->pku);
	print_finding("vmx", trial->vmx);
	print_finding("pcid", trial->pcid);
	print_finding("vmfunc", trial->vmfunc);
	if (trial->rdtsc_ticks)
		printf(" (%.1f times RDTSC)", (double)trial->vmfunc_ticks / (double)trial->rdtsc_ticks);
	print_finding("counters", trial->pmu);
	if (trial->tsc_hz && trial->engine->tsc_hz)
		printf(", TSC of instructions");
	else if (trial->tsc_hz)
		printf(", TSC of %.2f GHz%s", (double)trial->tsc_hz / 1e9,
		       trial->tsc_invariant == FINDING_WORKS    ? ", invariant"
		       : trial->tsc_invariant == FINDING_ABSENT ? ", not invariant"
		                                                : "");
	printf("; ticks are %s; booted and ended in %.2f s\n", tick_kind(trial), trial->seconds);
	snprintf(remarks, sizeof(remarks), "%s", trial->remarks);
	for (char *rest = remarks, *line; (line = strtok_r(rest, "\n", &rest));)
		printf("%9s%s\n", "", line);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void add_text(struct buffer *object, const char *key, const char *text)
{
	buffer_printf(object, ",\"%s\":", key);
	json_quote(object, text);
}

static void print_object(const struct trial *trial)
{
	const struct {
		const char *key;
		enum finding finding;
	} findings[] = {{"pku", trial->pku},   {"vmx", trial->vmx},
	                {"pcid", trial->pcid}, {"vmfunc", trial->vmfunc},
	                {"pmu", trial->pmu},   {"tsc_invariant", trial->tsc_invariant}};
	struct buffer object = {0};

	buffer_printf(&object, "{\"engine\":\"%s\",\"works\":%s", trial->engine->name,
	              trial->works ? "true" : "false");
	add_text(&object, "remark", trial->config.remark);
	if (trial->works) {
		add_text(&object, "ticks", tick_kind(trial));
		add_text(&object, "cpu", trial->cpu);
		for (unsigned i = 0; i < sizeof(findings) / sizeof(findings[0]); i++)
			add_text(&object, findings[i].key, finding_name(findings[i].finding));
		buffer_printf(&object,
		              ",\"ring3\":true,\"vmfunc_ticks\":%.1f,\"rdtsc_ticks\":%.1f,\"tsc_hz\":%lu,"
		              "\"seconds\":%.3f",
		              (double)trial->vmfunc_ticks / 10, (double)trial->rdtsc_ticks / 10,
		              trial->tsc_hz, trial->seconds);
		add_text(&object, "remarks", trial->remarks);
	} else {
		add_text(&object, "reason", trial->reason);
	}
	printf("%s}\n", object.data);
	buffer_free(&object);
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* `best`: NULL, no engine works; `refused`: why not those before it. */
static void print_choice(const struct engine *best, const struct buffer *refused)
{
	const char *reasons = refused->size ? refused->data : "no other comes before it";
	struct buffer text = {0};

	if (want_json) {
		json_quote(&text, reasons);
		printf("{\"auto\":\"%s\",\"because\":%s}\n", best ? best->name : "", text.data);
	} else {
		printf("auto takes %s, because %s\n", best ? best->name : "nothing", reasons);
	}
	buffer_free(&text);
}

static int run(int argc, char **argv)
{
	const struct engine *engine, *best = NULL;
	struct buffer refused = {0};

	options_parse(options, "engines", argc, argv);
	if (want_help) {
		printf("Usage: portcullis engines [OPTION ...]\n\n"
		       "Boots the guest kernel on each engine, runs small programs that try what the CPU is "
		       "said to have, and says\nwhat works here, and why not. The last line is what `auto` "
		       "takes.\n"
		       "Exits with 0 when an engine works that `auto` may choose, else with %d.\n\n",
		       STATUS_NO_ENGINE);
		options_help(options);
		return STATUS_OK;
	}
	for (unsigned i = 0; (engine = engine_at(i)); i++) {
		struct trial trial = {.engine = engine,
		                      .config = {.memory = TRIAL_MEMORY, .cpu = -1, .uri = uri}};

		trial_run(&trial, kernel_options.data);
		if (trial.signal) {
			report_error("interrupted by signal %d (%s)", trial.signal, strsignal(trial.signal));
			return STATUS_INTERRUPTED + trial.signal;
		}
		(want_json ? print_object : print_trial)(&trial);
		fflush(stdout);
		if (!best && trial.works && engine->rank < ENGINE_RANK_NAMED)
			best = engine;
		else if (!best && engine->rank < ENGINE_RANK_NAMED)
			buffer_printf(&refused, "%s%s does not work: %s", refused.size ? "; " : "",
			              engine->name, trial.reason);
	}
	print_choice(best, &refused);
	buffer_free(&refused);
	return best ? STATUS_OK : STATUS_NO_ENGINE;
}

COMMAND(engines) = {.name = "engines", .summary = "say which engines work here, by trying", .run = run};
