#include "host/records.h"

#include "guest/fs/json.h"
#include "host/buffer.h"
#include "host/commit.h"
#include "host/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const struct output_file *file, int error, char *reason, size_t size)
{
	snprintf(reason, size, "%s cannot be written: %s", file->path, strerror(error));
	return -1;
}

int output_open(struct output_file *file, char *reason, size_t size)
{
	file->fd = -1;
	if (!file->path)
		return 0;
	file->fd = strcmp(file->path, "-") ? open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)
	                                   : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return file->fd < 0 ? fail(file, errno, reason, size) : 0;
}

int output_write(struct output_file *file, const char *text, size_t length, char *reason, size_t size)
{
	struct stat before;
	int error;

	if (file->fd < 0)
		return 0;
	if (fstat(file->fd, &before) < 0)
		return fail(file, errno, reason, size);
	error = write_all(file->fd, text, length);
	if (!error)
		return 0;
	if (S_ISREG(before.st_mode) && ftruncate(file->fd, before.st_size) == 0)
		lseek(file->fd, before.st_size, SEEK_SET);
	return fail(file, -error, reason, size);
}

int output_close(struct output_file *file, char *reason, size_t size)
{
	int fd = file->fd;

	file->fd = -1;
	return fd >= 0 && close(fd) < 0 ? fail(file, errno, reason, size) : 0;
}

/* Appends `,"key":"text"` unless the record has the key. */
static void add_member(struct buffer *line, const char *record, const char *key, const char *text)
{
	struct json_value value;

	if (!text || !*text || json_member(record, key, &value))
		return;
	buffer_printf(line, "%s\"%s\":", line->data[line->size - 1] == '{' ? "" : ",", key);
	json_quote(line, text);
}

static bool is_ticks(const struct json_value *unit)
{
	static const char ticks[] = "\"ticks\"";

	return unit->size == strlen(ticks) && !memcmp(unit->text, ticks, unit->size);
}

bool record_complete(const struct record_context *context, const char *record, size_t size,
                     struct buffer *line)
{
	const struct engine *engine = context->engine;
	const char *kind = context->kvm ? engine->kvm_tick_kind : engine->tick_kind;
	struct json_value unit;
	size_t end = size;
	bool ticks;

	if (!json_is_object(record, size))
		return false;
	while (record[end - 1] != '}')
		end--;
	for (end--; record[end - 1] == ' '; end--)
		;
	ticks = json_member(record, "unit", &unit) && is_ticks(&unit);
	if (ticks) {
		const char *rest = unit.text + unit.size;

		buffer_append(line, record, (size_t)(unit.text - record));
		json_quote(line, engine->tick_unit);
		buffer_append(line, rest, (size_t)(record + end - rest));
	} else {
		buffer_append(line, record, end);
	}
	add_member(line, record, "kind", ticks ? kind : "counted");
	add_member(line, record, "engine", engine->name);
	add_member(line, record, "cpu", context->cpu);
	add_member(line, record, "commit", PORTCULLIS_COMMIT);
	add_member(line, record, "host", context->host);
	add_member(line, record, "run", context->run);
	add_member(line, record, "line", context->line);
	buffer_append(line, "}\n", 2);
	return true;
}
