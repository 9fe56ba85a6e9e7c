/*
 * From ticks to cycles of events. An addition that waits for the one before takes one cycle of the core, so a
 * round's ticks of an addition are the ticks of a cycle in that round, however fast the core runs just then.
 */
#include "host/calibrate/calibrate.h"

#include <stdio.h>
#include <string.h>

#define GUEST_PLAIN    "none"
#define GUEST_VIEWS    "vmfunc"
#define GUEST_TABLES   "syscall"
#define GUEST_ISOLATED "syscall-kpti"

/* Below this a dependent multiplication is no slower than an addition: 3 or 4 on CPUs. */
#define MULTIPLICATION_LEAST 1.5

/* Where an event is measured: the first source that has it. */
struct source {
	const char *backend, *metric, *how;
};

struct row {
	const char *name;
	struct source sources[2];
};

static const struct row rows[] = {
        {"instruction",
         {{BACKEND_HOST, "instruction",
           "a loop of loads, stores, additions and branches, caches and predictors warm"}}},
        {"function_call", {{BACKEND_HOST, "function_call", "CALL and its RET"}}},
        {"wrpkru",
         {{BACKEND_HOST, "wrpkru", "WRPKRU of the value that is there"},
          {GUEST_PLAIN, "wrpkru", "WRPKRU in a guest"}}},
        {"rdpkru", {{BACKEND_HOST, "rdpkru", "RDPKRU"}, {GUEST_PLAIN, "rdpkru", "RDPKRU in a guest"}}},
        {"syscall",
         {{GUEST_PLAIN, "syscall",
           "a null system call of the guest kernel with its own instructions: too high for SYSCALL and "
           "SYSRET alone"},
          {BACKEND_HOST, "syscall",
           "a null system call of this Linux with its own instructions: too high for SYSCALL and SYSRET "
           "alone"}}},
        {"vmfunc", {{GUEST_VIEWS, "vmfunc", "VMFUNC to the view that is there, in a guest"}}},
        {"vm_exit", {{GUEST_PLAIN, "cpuid", "CPUID in a guest: an exit and back"}}},
        {"rdtsc", {{BACKEND_HOST, "rdtsc", "RDTSC"}}},
        {"mprotect", {{BACKEND_HOST, "mprotect", "mprotect of one page of this Linux"}}},
        {"page_fault", {{BACKEND_HOST, "page_fault", "the first store to a page, served by this Linux"}}},
        {"signal", {{BACKEND_HOST, "signal", "tgkill to itself, the handler and the return, of this Linux"}}},
        {"context_switch",
         {{BACKEND_HOST, "context_switch",
           "a futex wakes another thread on the same CPU and waits, of this Linux"}}},
};

/* The metric in cycles. False: it has no values, or nothing says what a cycle is. */
static bool in_cycles(const struct metrics *metrics, const char *backend, const char *name,
                      struct series *cycles)
{
	const struct metric *metric = metrics_find(metrics, backend, name);
	const struct metric *cycle = metrics_find(metrics, backend, "addition");

	cycles->count = 0;
	if (!metric || !cycle)
		return false;
	for (unsigned i = 0; i < metric->values.count && i < cycle->values.count; i++)
		if (cycle->values.values[i] > 0)
			cycles->values[cycles->count++] = metric->values.values[i] / cycle->values.values[i];
	return cycles->count > 0;
}

static void explain(const struct metrics *metrics, const struct source *source, char *reason, size_t size)
{
	const struct metric *metric = metrics_find(metrics, source->backend, source->metric);
	const struct metric *backend = metrics_find(metrics, source->backend, METRIC_BACKEND);

	if (metric && *metric->reason)
		snprintf(reason, size, "%s", metric->reason);
	else if (backend)
		snprintf(reason, size, "backend %s: %.400s", source->backend, backend->reason);
	else if (!strcmp(source->backend, BACKEND_HOST))
		snprintf(reason, size, "the program did not measure it");
	else
		snprintf(reason, size, "it needs a guest that measures time, and there backend %s",
		         source->backend);
}

static void make_event(const struct metrics *metrics, const struct row *row, struct event *event)
{
	static struct series cycles;

	event->name = row->name;
	for (unsigned i = 0; i < 2 && row->sources[i].metric; i++) {
		const struct source *source = &row->sources[i];

		if (!in_cycles(metrics, source->backend, source->metric, &cycles))
			continue;
		event->cycles = series_summary(&cycles);
		snprintf(event->source, sizeof(event->source), "%s", source->how);
		return;
	}
	explain(metrics, &row->sources[0], event->reason, sizeof(event->reason));
}

/* Page tables apart for the kernel add two writes of CR3 to an entrance, and a few instructions. */
static void make_cr3_write(const struct metrics *metrics, struct event *event)
{
	static struct series with, without;
	const struct source source = {GUEST_ISOLATED, "entrance", ""};

	event->name = "cr3_write";
	if (!in_cycles(metrics, GUEST_ISOLATED, "entrance", &with) ||
	    !in_cycles(metrics, GUEST_TABLES, "entrance", &without)) {
		explain(metrics, &source, event->reason, sizeof(event->reason));
		return;
	}
	if (without.count < with.count)
		with.count = without.count;
	for (unsigned i = 0; i < with.count; i++)
		with.values[i] = (with.values[i] - without.values[i]) / 2;
	event->cycles = series_summary(&with);
	if (event->cycles.median > 0)
		snprintf(event->source, sizeof(event->source),
		         "half of what page tables apart for the kernel add to an entrance in a guest");
	else
		snprintf(event->reason, sizeof(event->reason),
		         "the difference of two entrances is lost in their spread");
}

/* Hertz of the core: those of the counter by the ticks of a cycle. */
static bool make_frequency(const struct metrics *metrics, struct events *events)
{
	const struct metric *rate = metrics_find(metrics, BACKEND_HOST, "tsc_rate");
	static struct series cycles, frequency;

	if (!rate || !rate->values.count || !in_cycles(metrics, BACKEND_HOST, "tsc_rate", &frequency))
		return false;
	events->tsc_rate = series_summary(&rate->values);
	events->frequency = series_summary(&frequency);
	events->emulated = in_cycles(metrics, BACKEND_HOST, "multiplication", &cycles) &&
	                   series_summary(&cycles).median < MULTIPLICATION_LEAST;
	return true;
}

bool events_make(const struct metrics *metrics, struct events *events)
{
	memset(events, 0, sizeof(*events));
	if (!make_frequency(metrics, events))
		return false;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		make_event(metrics, &rows[i], &events->list[events->count++]);
	make_cr3_write(metrics, &events->list[events->count++]);
	return true;
}
