/* Calibration: statistics, records of the program, events from made-up ticks, the profile's text. */
#include "host/calibrate/calibrate.h"

#include "host/tests/unit.h"

static struct metrics metrics;
static struct events events;

static struct summary summary_of(unsigned count, const double *values)
{
	static struct series series;

	series.count = count;
	memcpy(series.values, values, count * sizeof(*values));
	return series_summary(&series);
}

static void statistics(void)
{
	struct summary summary = summary_of(5, (const double[]){5, 1, 3, 2, 4});

	CHECK(summary.median == 3 && summary.first_quartile == 2 && summary.third_quartile == 4 &&
	      summary.count == 5);
	CHECK(summary.unstable);
	summary = summary_of(4, (const double[]){100, 101, 102, 103});
	CHECK(summary.median == 101.5 && summary.first_quartile == 100.75 &&
	      summary.third_quartile == 102.25);
	CHECK(!summary.unstable);
	summary = summary_of(1, (const double[]){7});
	CHECK(summary.median == 7 && summary.first_quartile == 7 && summary.third_quartile == 7 &&
	      !summary.unstable);
}

static void outlier(void)
{
	struct summary summary = summary_of(9, (const double[]){10, 10, 10, 10, 10, 10, 10, 10, 90000});

	CHECK(summary.median == 10 && !summary.unstable);
}

static void say(const char *backend, const char *metric, double value)
{
	char line[256];
	int length = snprintf(
	        line, sizeof(line),
	        "{\"workload\":\"calibrate\",\"backend\":\"%s\",\"metric\":\"%s\",\"value\":%g,\"n\":64}",
	        backend, metric, value);

	CHECK(metrics_take(&metrics, line, (size_t)length));
}

static void say_absent(const char *backend, const char *metric, const char *reason)
{
	char line[256];
	int length = snprintf(
	        line, sizeof(line),
	        "{\"workload\":\"calibrate\",\"backend\":\"%s\",\"metric\":\"%s\",\"value\":0,\"n\":0,"
	        "\"reason\":\"%s\"}",
	        backend, metric, reason);

	CHECK(metrics_take(&metrics, line, (size_t)length));
}

static const struct event *event_of(const char *name)
{
	for (unsigned i = 0; i < events.count; i++)
		if (!strcmp(events.list[i].name, name))
			return &events.list[i];
	FAIL("no event %s", name);
}

/* A core of 4 GHz with a counter of 2 GHz, in whose second round all takes twice as long. */
static void measure_host(void)
{
	memset(&metrics, 0, sizeof(metrics));
	for (unsigned slow = 1; slow <= 2; slow++) {
		say(BACKEND_HOST, "tsc_rate", 2e9);
		say(BACKEND_HOST, "addition", 0.5 * slow);
		say(BACKEND_HOST, "multiplication", 1.5 * slow);
		say(BACKEND_HOST, "instruction", 0.25 * slow);
		say(BACKEND_HOST, "syscall", 100 * slow);
	}
	say_absent(BACKEND_HOST, "wrpkru", "this CPU has no keys");
}

static void cycles(void)
{
	measure_host();
	CHECK(events_make(&metrics, &events));
	CHECK(!events.emulated && events.tsc_rate.median == 2e9);
	CHECK(event_of("instruction")->cycles.median == 0.5 && !event_of("instruction")->cycles.unstable);
	CHECK(event_of("syscall")->cycles.median == 200 && event_of("syscall")->cycles.count == 2);
	CHECK(events.frequency.median == 3e9 && events.frequency.unstable);
	CHECK_TEXT(event_of("wrpkru")->reason, "this CPU has no keys");
	CHECK_TEXT(event_of("vmfunc")->reason,
	           "it needs a guest that measures time, and there backend vmfunc");
	CHECK_TEXT(event_of("cr3_write")->reason,
	           "it needs a guest that measures time, and there backend syscall-kpti");
}

static void guest(void)
{
	measure_host();
	for (unsigned round = 0; round < 2; round++) {
		say("none", "addition", 0.5);
		say("none", "syscall", 60);
		say("none", "wrpkru", 12);
		say("syscall", "addition", 0.5);
		say("syscall", "entrance", 200);
		say("syscall-kpti", "addition", 0.5);
		say("syscall-kpti", "entrance", 400);
	}
	say_absent("vmfunc", "vmfunc", "no views");
	CHECK(events_make(&metrics, &events));
	CHECK(event_of("syscall")->cycles.median == 120 &&
	      strstr(event_of("syscall")->source, "guest kernel"));
	CHECK(event_of("wrpkru")->cycles.median == 24);
	CHECK(event_of("cr3_write")->cycles.median == 200);
	CHECK_TEXT(event_of("vmfunc")->reason, "no views");
}

static void missing_backend(void)
{
	measure_host();
	metrics_take_messages(&metrics,
	                      "views: could not be started: Operation not supported, 9 ticks\n"
	                      "  | backend vmfunc: this CPU has no VMX\n  | backend odd\n  | other: x\n"
	                      "  | backend syscall-kpti: no reason");
	CHECK(events_make(&metrics, &events));
	CHECK_TEXT(event_of("vmfunc")->reason, "backend vmfunc: this CPU has no VMX");
	CHECK_TEXT(event_of("cr3_write")->reason, "backend syscall-kpti: no reason");
	CHECK(!metrics_find(&metrics, "odd", METRIC_BACKEND));
}

static void emulator(void)
{
	memset(&metrics, 0, sizeof(metrics));
	CHECK(!events_make(&metrics, &events));
	say(BACKEND_HOST, "tsc_rate", 1e8);
	CHECK(!events_make(&metrics, &events));
	say(BACKEND_HOST, "addition", 1.05);
	say(BACKEND_HOST, "multiplication", 1.05);
	CHECK(events_make(&metrics, &events) && events.emulated);
}

static void damaged(void)
{
	static const char *const lines[] = {
	        "", "{", "[]", "{\"workload\":\"calibrate\"}",
	        "{\"workload\":\"calibrate\",\"backend\":\"x\",\"metric\":\"y\",\"n\":1}"};
	static const char other[] = "{\"workload\":\"plain\",\"metric\":\"user_time\"}";

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		CHECK(!metrics_take(&metrics, lines[i], strlen(lines[i])));
	CHECK(metrics_take(&metrics, other, strlen(other)));
}

static const char base[] =
        "cpu = \"c\"\n[events.instruction]\nvalue = 9\n\n[events.vmfunc] # cycles\nvalue = 134\n"
        "# a remark\nstatus = \"read\"\n\n[events.last]\nvalue = 1";

static void tables(void)
{
	const char *lines;
	size_t size;

	CHECK(profile_find(base, "vmfunc", &lines, &size) && !strncmp(lines, "value = 134\n", 12));
	CHECK(size < strlen(lines) && lines[size] == '[');
	CHECK(profile_find(base, "last", &lines, &size) && size == strlen("value = 1"));
	CHECK(!profile_find(base, "func", &lines, &size) && !profile_find(base, "vmfun", &lines, &size));
	CHECK(!profile_find("", "last", &lines, &size) &&
	      !profile_find("[events.last]", "last", &lines, &size));
}

static void text(void)
{
	const struct provenance provenance = {"a day",    "a \"host\"",           "a CPU",
	                                      "none: no", "portcullis calibrate", 2};
	struct buffer written = {0};

	measure_host();
	CHECK(events_make(&metrics, &events));
	profile_write(&events, &provenance, base, "b.toml", &written);
	CHECK(strstr(written.data, "\ncpu = \"a CPU\"\n") &&
	      strstr(written.data, "host = \"a \\\"host\\\"\"\n"));
	CHECK(strstr(written.data, "\n[events.instruction] # cycles\nvalue = 0.5\n"));
	CHECK(strstr(written.data,
	             "\n[events.vmfunc] # cycles; of b.toml\nvalue = 134\nstatus = \"read\"\n"));
	CHECK(strstr(written.data, "unstable = true\n") &&
	      strstr(written.data, "\"wrpkru: this CPU has no keys\""));
	CHECK(!strstr(written.data, "[events.wrpkru]") && !strstr(written.data, "a remark"));
	buffer_free(&written);
}

UNIT_MAIN({"median, quartiles, and a mark on a large spread", statistics},
          {"one outlier changes nothing", outlier},
          {"ticks become cycles of the core, round by round", cycles},
          {"a guest gives what only it can, and its own system call", guest},
          {"a backend that is not here is the reason", missing_backend},
          {"an emulator is told by its multiplications", emulator}, {"a damaged record is found", damaged},
          {"events of a base are found by their whole names", tables},
          {"a profile has what was measured, and of its base the rest", text})
