/* Runs the program and takes its records. */
#include "guest/fs/json.h"
#include "host/calibrate/calibrate.h"
#include "host/cpio.h"
#include "host/install.h"
#include "host/json.h"
#include "host/process.h"
#include "host/report.h"
#include "host/status.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKLOAD "calibrate"

/* ---- records -------------------------------------------------------------------------------- */

static struct metric *find_or_add(struct metrics *metrics, const char *backend, const char *name)
{
	struct metric *metric = (struct metric *)metrics_find(metrics, backend, name);

	if (metric || metrics->count == METRICS_MAX)
		return metric;
	metric = &metrics->list[metrics->count++];
	snprintf(metric->backend, sizeof(metric->backend), "%s", backend);
	snprintf(metric->name, sizeof(metric->name), "%s", name);
	return metric;
}

const struct metric *metrics_find(const struct metrics *metrics, const char *backend, const char *name)
{
	for (unsigned i = 0; i < metrics->count; i++)
		if (!strcmp(metrics->list[i].backend, backend) && !strcmp(metrics->list[i].name, name))
			return &metrics->list[i];
	return NULL;
}

bool metrics_take(struct metrics *metrics, const char *line, size_t size)
{
	char workload[32], backend[32], name[32];
	struct json_value value;
	struct metric *metric;
	uint64_t n;

	if (!json_is_object(line, size))
		return false;
	if (!json_string(line, "workload", workload, sizeof(workload)) || strcmp(workload, WORKLOAD))
		return true; /* the kernel's own, of the whole run */
	if (!json_string(line, "backend", backend, sizeof(backend)) ||
	    !json_string(line, "metric", name, sizeof(name)) || !json_number(line, "n", &n) ||
	    !json_member(line, "value", &value))
		return false;
	metric = find_or_add(metrics, backend, name);
	if (!metric)
		return false;
	if (!n)
		json_string(line, "reason", metric->reason, sizeof(metric->reason));
	else if (metric->values.count < ROUNDS_MAX)
		metric->values.values[metric->values.count++] = strtod(value.text, NULL);
	return true;
}

void metrics_take_messages(struct metrics *metrics, const char *text)
{
	static const char mark[] = "  | backend ";

	while ((text = strstr(text, mark))) {
		size_t length = strcspn(text += strlen(mark), ":\n");
		struct metric *metric;
		char backend[32];

		snprintf(backend, sizeof(backend), "%.*s", (int)length, text);
		text += length;
		if (strncmp(text, ": ", 2))
			continue;
		text += 2;
		metric = find_or_add(metrics, backend, METRIC_BACKEND);
		if (metric)
			snprintf(metric->reason, sizeof(metric->reason), "%.*s", (int)strcspn(text, "\n"),
			         text);
	}
}

/* ---- children ------------------------------------------------------------------------------- */

struct child {
	const char *what; /* for people */
	struct metrics *metrics;
	unsigned rounds;
	bool some_may_fail; /* a machine need not have each backend */
	struct buffer line, errors;
	bool damaged;
};

static void take_output(struct child *child, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != '\n') {
			buffer_append(&child->line, &bytes[i], 1);
			continue;
		}
		if (child->line.size && !metrics_take(child->metrics, child->line.data, child->line.size))
			child->damaged = true;
		buffer_keep_tail(&child->line, 0);
	}
}

static void show_progress(const struct child *child)
{
	const struct metrics *metrics = child->metrics;

	if (metrics->count)
		report_progress("%s: %s, round %u of %u", child->what,
		                metrics->list[metrics->count - 1].backend,
		                metrics->list[metrics->count - 1].values.count, child->rounds);
}

/* Reads both streams to their ends. */
static void follow(struct child *child, int output, int errors)
{
	struct pollfd sources[] = {{output, POLLIN, 0}, {errors, POLLIN, 0}};
	char bytes[4096];

	while (sources[0].fd >= 0 || sources[1].fd >= 0) {
		if (poll(sources, 2, -1) < 0)
			continue;
		for (unsigned i = 0; i < 2; i++) {
			ssize_t size = sources[i].revents ? read(sources[i].fd, bytes, sizeof(bytes)) : -1;

			if (sources[i].revents && size == 0)
				sources[i].fd = -1;
			else if (size > 0 && i == 0)
				take_output(child, bytes, (size_t)size);
			else if (size > 0)
				buffer_append(&child->errors, bytes, (size_t)size);
		}
		show_progress(child);
	}
	report_progress_end();
	close(output);
	close(errors);
}

/* The last line that it said on standard error. */
static const char *last_words(struct buffer *errors)
{
	char *last;

	while (errors->size && errors->data[errors->size - 1] == '\n')
		errors->data[--errors->size] = '\0';
	last = errors->size ? strrchr(errors->data, '\n') : NULL;
	return last ? last + 1 : errors->size ? errors->data : "it says nothing";
}

static int run_child(struct child *child, const struct process *process, char *reason, size_t size)
{
	int output, errors, status;
	char how[128];
	pid_t pid;
	bool good;

	if (process_start(process, &pid, &output, &errors, reason, size) < 0)
		return -1;
	follow(child, output, errors);
	status = process_wait(pid);
	good = WIFEXITED(status) &&
	       (!WEXITSTATUS(status) || (child->some_may_fail && WEXITSTATUS(status) == STATUS_RUN_FAILED));
	if (child->errors.size)
		metrics_take_messages(child->metrics, child->errors.data);
	if (!good) {
		process_describe_end(status, how, sizeof(how));
		snprintf(reason, size, "%s %s: %s", child->what, how, last_words(&child->errors));
	} else if (child->damaged) {
		snprintf(reason, size, "%s: its records are damaged", child->what);
	}
	buffer_free(&child->line);
	buffer_free(&child->errors);
	return good && !child->damaged ? 0 : -1;
}

int gather_host(unsigned rounds, struct metrics *metrics, char *reason, size_t size)
{
	char number[16];
	const char *argv[] = {install_path("programs/calibrate"), "--rounds", number, NULL};
	struct process process = {.argv = argv};
	struct child child = {.what = "this Linux", .metrics = metrics, .rounds = rounds};

	snprintf(number, sizeof(number), "%u", rounds);
	return run_child(&child, &process, reason, size);
}

/* ---- the guest ------------------------------------------------------------------------------ */

/* Where events are that a profile needs: a line for each backend, and what it can measure. */
static const char plan_format[] =
        "plain backend=none -- /bin/calibrate --rounds %u\n"
        "views backend=vmfunc -- /bin/calibrate --rounds %u --only addition,vmfunc\n"
        "tables backend=syscall -- /bin/calibrate --rounds %u --only addition,entrance\n"
        "isolated backend=syscall-kpti -- /bin/calibrate --rounds %u --only addition,entrance\n";

/* A descriptor of an unnamed file with these bytes, or -1. */
static int make_file(const char *name, const struct buffer *bytes)
{
	int file = memfd_create(name, MFD_CLOEXEC);

	if (file >= 0 && write_all(file, bytes->data, bytes->size) < 0) {
		close(file);
		return -1;
	}
	return file;
}

static int pack(struct buffer *archive, char *reason, size_t size)
{
	const struct cpio_member members[] = {
	        {"bin", NULL},
	        {"bin/calibrate", install_path("programs/calibrate")},
	        {"lib", NULL},
	        {"lib/portcullis", NULL},
	        {"lib/portcullis/empty.image", install_path("images/empty.image")},
	};

	return cpio_pack_members(members, sizeof(members) / sizeof(members[0]), archive, reason, size);
}

int gather_guest(const struct engine *engine, unsigned rounds, struct metrics *metrics, char *reason,
                 size_t size)
{
	struct buffer plan = {0}, archive = {0};
	char plan_path[32], root_path[32];
	const char *argv[] = {"/proc/self/exe", "run",       "--engine", engine->name, "--plan",
	                      plan_path,        "--root",    root_path,  "--records",  "-",
	                      "--quiet",        "--timeout", "600",      NULL};
	struct process process = {.argv = argv, .keep_count = 2};
	struct child child = {
	        .what = "the guest", .metrics = metrics, .rounds = rounds, .some_may_fail = true};
	int result = -1;

	if (pack(&archive, reason, size) < 0) {
		buffer_free(&archive);
		return -1;
	}
	buffer_printf(&plan, plan_format, rounds, rounds, rounds, rounds);
	process.keep[0] = make_file("portcullis-plan", &plan);
	process.keep[1] = make_file("portcullis-root", &archive);
	snprintf(plan_path, sizeof(plan_path), "/proc/self/fd/%d", process.keep[0]);
	snprintf(root_path, sizeof(root_path), "/proc/self/fd/%d", process.keep[1]);
	if (process.keep[0] < 0 || process.keep[1] < 0)
		snprintf(reason, size, "no memory file: %s", strerror(errno));
	else
		result = run_child(&child, &process, reason, size);
	close(process.keep[0]);
	close(process.keep[1]);
	buffer_free(&plan);
	buffer_free(&archive);
	return result;
}
