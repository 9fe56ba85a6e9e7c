#include "host/perf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PARANOID         "/proc/sys/kernel/perf_event_paranoid"
#define PARANOID_UNKNOWN (-9)

/* ---- numbers -------------------------------------------------------------------------------- */

struct perf_count perf_difference(const struct perf_reading *before, const struct perf_reading *after)
{
	struct perf_count count = {.result = PERF_EXACT,
	                           .value = after->value - before->value,
	                           .factor = 1,
	                           .enabled = after->enabled - before->enabled,
	                           .running = after->running - before->running};

	if (!count.running || after->running < before->running) {
		count.result = PERF_NEVER;
		count.value = 0;
	} else if (count.running < count.enabled) {
		count.result = PERF_SCALED;
		count.factor = (double)count.enabled / (double)count.running;
		count.value = (uint64_t)((double)count.value * count.factor + 0.5);
	}
	return count;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The bits that a word of the list stands for; 0: there is no such event. */
static uint64_t events_of_word(const char *word, size_t length)
{
	bool all = length == 3 && !memcmp(word, "all", 3);
	uint64_t bits = 0;

	for (unsigned i = 0; perf_events[i].name; i++)
		if (all ||
		    (strlen(perf_events[i].name) == length && !memcmp(perf_events[i].name, word, length)))
			bits |= 1UL << i;
	return bits;
}

int perf_choose(const char *list, uint64_t *chosen, char *reason, size_t size)
{
	struct buffer names = {0};

	*chosen = 0;
	if (!strcmp(list, "none"))
		return 0;
	for (size_t length; *list; list += length + (list[length] == ',')) {
		uint64_t bits;

		length = strcspn(list, ",");
		bits = events_of_word(list, length);
		*chosen |= bits;
		if (bits)
			continue;
		perf_names(&names);
		snprintf(reason, size, "unknown counter \"%.*s\"; there are all, none, %s", (int)length, list,
		         names.data);
		buffer_free(&names);
		return -1;
	}
	if (*chosen)
		return 0;
	snprintf(reason, size, "no counter is named");
	return -1;
}

void perf_names(struct buffer *text)
{
	for (const struct perf_event *event = perf_events; event->name; event++)
		buffer_printf(text, "%s%s", event == perf_events ? "" : ", ", event->name);
}

/* ---- reasons -------------------------------------------------------------------------------- */

void perf_explain(int error, int paranoid, char *text, size_t size)
{
	switch (error) {
	case ENOENT:
	case EOPNOTSUPP:
	case ENODEV:
	case ENXIO:
		snprintf(text, size, "neither CPU nor hypervisor counts this here (%s)", strerror(error));
		break;
	case EACCES:
	case EPERM:
		if (paranoid != PARANOID_UNKNOWN)
			snprintf(text, size, "the kernel allows it to root alone: %s is %d (%s)", PARANOID,
			         paranoid, strerror(error));
		else
			snprintf(text, size, "the kernel allows it to root alone (%s)", strerror(error));
		break;
	case ENOSYS:
		snprintf(text, size, "this kernel has no perf_event_open (%s)", strerror(error));
		break;
	case EMFILE:
		snprintf(text, size, "the launcher may open no more files (%s)", strerror(error));
		break;
	default:
		snprintf(text, size, "perf_event_open fails (%s)", strerror(error));
	}
}

static int read_paranoid(void)
{
	struct buffer text = {0};
	int paranoid = PARANOID_UNKNOWN;

	if (buffer_read_file(&text, PARANOID) == 0 && text.size)
		paranoid = atoi(text.data);
	buffer_free(&text);
	return paranoid;
}

/* Reasons, each with the events that it keeps away. */
struct absences {
	unsigned count;
	struct {
		char reason[REASON_MAX];
		struct buffer events;
	} list[PERF_COUNTERS_MAX];
};

static void add_absence(struct absences *absences, const char *event, const char *reason)
{
	unsigned i = 0;

	while (i < absences->count && strcmp(absences->list[i].reason, reason))
		i++;
	if (i == absences->count) {
		absences->count++;
		snprintf(absences->list[i].reason, sizeof(absences->list[i].reason), "%s", reason);
	}
	buffer_printf(&absences->list[i].events, "%s%s", absences->list[i].events.size ? ", " : "", event);
}

static void write_remarks(struct absences *absences, struct buffer *remarks)
{
	for (unsigned i = 0; i < absences->count; i++) {
		buffer_printf(remarks, "not counted: %s: %s\n", absences->list[i].events.data,
		              absences->list[i].reason);
		buffer_free(&absences->list[i].events);
	}
}

/* ---- opening -------------------------------------------------------------------------------- */

/* What a hardware event is counted apart for. */
struct side {
	const char *suffix;
	bool exclude_user, exclude_kernel, exclude_host, exclude_guest;
};

static const struct side both_sides = {.suffix = ""};
static const struct side process_sides[] = {{.suffix = "_user", .exclude_kernel = true},
                                            {.suffix = "_kernel", .exclude_user = true}};
static const struct side guest_sides[] = {{.suffix = "_guest", .exclude_host = true},
                                          {.suffix = "_host", .exclude_guest = true}};

static bool is_of_cpu(const struct perf_event_attr *attr)
{
	return attr->type == PERF_TYPE_HARDWARE || attr->type == PERF_TYPE_HW_CACHE ||
	       attr->type == PERF_TYPE_RAW;
}

static void name_metric(const struct perf_event *event, const char *suffix, char *metric, size_t size)
{
	snprintf(metric, size, "%s%s", event->name, suffix);
	for (; *metric; metric++)
		if (*metric == '-')
			*metric = '_';
}

/* 0 or an errno. */
static int open_side(struct perf *perf, const struct perf_event *event, struct perf_event_attr attr,
                     const struct side *side, pid_t pid)
{
	struct perf_counter *counter = &perf->counters[perf->count];

	attr.exclude_user = side->exclude_user;
	attr.exclude_kernel = side->exclude_kernel;
	attr.exclude_host = side->exclude_host;
	attr.exclude_guest = side->exclude_guest;
	counter->fd = (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (counter->fd < 0)
		return errno;
	counter->event = event;
	name_metric(event, side->suffix, counter->metric, sizeof(counter->metric));
	perf->count++;
	return 0;
}

static void open_event(struct perf *perf, const struct perf_event *event, pid_t pid,
                       struct absences *absences)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
	                               .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
	                                              PERF_FORMAT_TOTAL_TIME_RUNNING,
	                               .inherit = perf->counts == ENGINE_COUNTS_PROCESSES};
	const struct side *sides = &both_sides;
	char reason[REASON_MAX];
	unsigned count = 1;
	int errors[2];

	if (event->find(event, &attr, reason, sizeof(reason))) {
		add_absence(absences, event->name, reason);
		return;
	}
	if (is_of_cpu(&attr)) {
		sides = perf->counts == ENGINE_COUNTS_GUEST ? guest_sides : process_sides;
		count = 2;
	}
	for (unsigned i = 0; i < count; i++)
		errors[i] = open_side(perf, event, attr, &sides[i], pid);
	for (unsigned i = 0; i < count; i++) {
		bool alone = count == 1 || errors[0] != errors[1];
		char name[64];

		if (!errors[i] || (!alone && i))
			continue;
		perf_explain(errors[i], read_paranoid(), reason, sizeof(reason));
		snprintf(name, sizeof(name), "%s%s", event->name, alone ? sides[i].suffix : "");
		add_absence(absences, name, reason);
	}
}

void perf_open(struct perf *perf, pid_t pid)
{
	struct absences *absences = calloc(1, sizeof(*absences));

	for (unsigned i = 0; absences && perf_events[i].name; i++)
		if (perf->chosen & 1UL << i)
			open_event(perf, &perf_events[i], pid, absences);
	if (absences)
		write_remarks(absences, &perf->remarks);
	free(absences);
}

/* ---- reading -------------------------------------------------------------------------------- */

static struct perf_reading read_counter(const struct perf_counter *counter)
{
	struct perf_reading reading = {0};

	if (read(counter->fd, &reading, sizeof(reading)) != sizeof(reading))
		return (struct perf_reading){0};
	return reading;
}

void perf_start(struct perf *perf)
{
	for (unsigned i = 0; i < perf->count; i++)
		perf->counters[i].start = read_counter(&perf->counters[i]);
}

struct perf_count perf_read(const struct perf *perf, unsigned index)
{
	struct perf_reading now = read_counter(&perf->counters[index]);

	return perf_difference(&perf->counters[index].start, &now);
}

void perf_describe(const struct perf *perf, struct buffer *text)
{
	static const struct perf_reading zero;

	for (unsigned i = 0; i < perf->count; i++) {
		struct perf_reading now = read_counter(&perf->counters[i]);
		struct perf_count count = perf_difference(&zero, &now);

		buffer_printf(text, "%s%s %lu", i ? ", " : "", perf->counters[i].metric, count.value);
	}
}

void perf_close(struct perf *perf)
{
	for (unsigned i = 0; i < perf->count; i++)
		close(perf->counters[i].fd);
	perf->count = 0;
	buffer_free(&perf->remarks);
}
