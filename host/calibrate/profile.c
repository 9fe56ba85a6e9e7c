/* A profile as harness/campaign/profiles.py reads it: TOML. */
#include "host/calibrate/calibrate.h"
#include "host/commit.h"

#include <stdio.h>
#include <string.h>

/* A basic string of TOML; control characters become blanks. */
static void quote(struct buffer *text, const char *value)
{
	buffer_append(text, "\"", 1);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buffer_append(text, "\\", 1);
		buffer_append(text, (unsigned char)*value < ' ' ? " " : value, 1);
	}
	buffer_append(text, "\"", 1);
}

static void write_member(struct buffer *text, const char *key, const char *value)
{
	buffer_printf(text, "%s = ", key);
	quote(text, value);
	buffer_append(text, "\n", 1);
}

static void write_summary(struct buffer *text, const struct summary *summary, const char *source,
                          bool emulated)
{
	char how[320];

	snprintf(how, sizeof(how), "%s%s", source, emulated ? "; an emulator's instructions, no cycles" : "");
	buffer_printf(text, "value = %.6g\n", summary->median);
	write_member(text, "source", how);
	buffer_printf(text, "status = \"%s\"\n", emulated ? "unverified" : "measured");
	buffer_printf(text, "first_quartile = %.6g\nthird_quartile = %.6g\nrepetitions = %u\n",
	              summary->first_quartile, summary->third_quartile, summary->count);
	if (summary->unstable)
		buffer_printf(text, "unstable = true\n");
}

bool profile_find(const char *text, const char *event, const char **lines, size_t *size)
{
	char header[64];
	size_t length = (size_t)snprintf(header, sizeof(header), "[events.%s]", event);

	for (const char *at = text; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
		const char *end;

		if (strncmp(at, header, length))
			continue;
		at = strchr(at, '\n');
		if (!at)
			return false;
		end = strstr(at, "\n[");
		*lines = at + 1;
		*size = end ? (size_t)(end - at) : strlen(at + 1);
		return true;
	}
	return false;
}

/* Without blank lines, comments and what is not a line of its own. */
static void copy_lines(struct buffer *text, const char *lines, size_t size)
{
	const char *end = lines + size;

	while (lines < end) {
		size_t length = strcspn(lines, "\n");

		if (length > (size_t)(end - lines))
			length = (size_t)(end - lines);
		if (length && *lines != '#' && *lines != '\r')
			buffer_printf(text, "%.*s\n", (int)length, lines);
		lines += length + 1;
	}
}

static void write_absent(const struct events *events, struct buffer *text)
{
	buffer_printf(text, "absent = [");
	for (unsigned i = 0, written = 0; i < events->count; i++) {
		char line[REASON_MAX + 64];

		if (!*events->list[i].reason)
			continue;
		snprintf(line, sizeof(line), "%s: %s", events->list[i].name, events->list[i].reason);
		buffer_printf(text, "%s\n  ", written++ ? "," : "");
		quote(text, line);
	}
	buffer_printf(text, "\n]\n");
}

static void write_provenance(const struct events *events, const struct provenance *provenance,
                             struct buffer *text)
{
	char rate[64];

	snprintf(rate, sizeof(rate), "%.0f Hz", events->tsc_rate.median);
	buffer_printf(text, "\n[provenance]\n");
	write_member(text, "date", provenance->date);
	write_member(text, "host", provenance->host);
	write_member(text, "guest", provenance->guest);
	write_member(text, "time_stamp_counter", rate);
	write_member(text, "by", provenance->command);
	write_member(text, "commit", PORTCULLIS_COMMIT);
	write_absent(events, text);
}

void profile_write(const struct events *events, const struct provenance *provenance, const char *base,
                   const char *base_name, struct buffer *text)
{
	buffer_printf(text,
	              "# Written by portcullis calibrate: medians over %u rounds, with quartiles. Cycles are "
	              "the core's: an\n"
	              "# addition that waits for another takes one.\n",
	              provenance->rounds);
	write_member(text, "cpu", provenance->cpu);
	write_provenance(events, provenance, text);
	buffer_printf(text, "\n[frequency] # Hz\n");
	write_summary(text, &events->frequency, "rate of the time-stamp counter by its ticks in an addition",
	              events->emulated);
	for (unsigned i = 0; i < events->count; i++) {
		const struct event *event = &events->list[i];
		const char *lines;
		size_t size;

		if (!*event->reason) {
			buffer_printf(text, "\n[events.%s] # cycles\n", event->name);
			write_summary(text, &event->cycles, event->source, events->emulated);
		} else if (base && profile_find(base, event->name, &lines, &size)) {
			buffer_printf(text, "\n[events.%s] # cycles; of %s\n", event->name, base_name);
			copy_lines(text, lines, size);
		}
	}
}
