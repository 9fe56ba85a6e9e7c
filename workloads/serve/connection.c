#include "connection.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "protocol.h"

#define ANSWERS_MAX (64u << 10) /* bytes that wait to be sent when the next command is put off */
#define INPUT_MAX   (1u << 20)  /* bytes of commands that may be put off */

enum state {
	STATE_LINE, /* a command line comes next */
	STATE_KEYS, /* more keys of a get */
	STATE_DATA, /* a data block, of which `have` bytes are there */
	STATE_SKIP, /* `skip` bytes of a data block that is not wanted */
	STATE_LOST, /* the rest of a line that was too long */
};

struct connection {
	struct channel *channel;
	enum state state;
	bool ended;
	struct command command; /* STATE_KEYS, STATE_DATA */
	char key[PROTOCOL_KEY_MAX];
	char *data;
	size_t have, skip;
	char *kept; /* input that is not used yet */
	size_t kept_size, kept_capacity;
};

static size_t largest;

void connection_limit(size_t data_max)
{
	largest = data_max;
}

struct connection *connection_new(struct channel *channel)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (connection)
		connection->channel = channel;
	return connection;
}

void connection_free(struct connection *connection)
{
	free(connection->data);
	free(connection->kept);
	free(connection);
}

/* ---- the states: each uses some bytes from `at` on, and returns the place behind them, or NULL for want of
 * more
 */

static const char *run_data(struct connection *connection, const char *data)
{
	const struct command *command = &connection->command;

	if (memcmp(data + command->size, "\r\n", 2))
		commands_answer(connection->channel, command->quiet, "CLIENT_ERROR bad data chunk");
	else
		commands_execute(connection->channel, command, data);
	connection->state = STATE_LINE;
	return data + command->size + 2;
}

/* A block that is whole is used where it is, another collected. */
static const char *take_data(struct connection *connection, const char *at, const char *end)
{
	struct command *command = &connection->command;
	size_t part = command->size + 2 - connection->have;

	if (!connection->data && (size_t)(end - at) >= part)
		return run_data(connection, at);
	if (at == end)
		return NULL;
	if (!connection->data)
		connection->data = malloc(command->size + 2);
	if (!connection->data) {
		commands_answer(connection->channel, command->quiet,
		                "SERVER_ERROR out of memory storing object");
		connection->skip = command->size + 2;
		connection->state = STATE_SKIP;
		return at;
	}
	if (part > (size_t)(end - at))
		part = (size_t)(end - at);
	memcpy(connection->data + connection->have, at, part);
	connection->have += part;
	if (connection->have == command->size + 2) {
		run_data(connection, connection->data);
		free(connection->data);
		connection->data = NULL;
		connection->have = 0;
	}
	return at + part;
}

static const char *skip_data(struct connection *connection, const char *at, const char *end)
{
	size_t part = connection->skip < (size_t)(end - at) ? connection->skip : (size_t)(end - at);

	if (part == 0 && connection->skip)
		return NULL;
	connection->skip -= part;
	if (connection->skip == 0)
		connection->state = STATE_LINE;
	return at + part;
}

static const char *end_of_line(const char *at, const char *end)
{
	return memchr(at, '\n', (size_t)(end - at));
}

static const char *without_return(const char *at, const char *end)
{
	return end > at && end[-1] == '\r' ? end - 1 : end;
}

/* The keys of a get, until the line ends or many answers wait. */
static const char *take_keys(struct connection *connection, const char *at, const char *end)
{
	const char *line = end_of_line(at, end), *last = without_return(at, line);

	if (!commands_begin_get(connection->channel)) {
		connection->state = STATE_LINE;
		return line + 1;
	}
	while (channel_waiting(connection->channel) < ANSWERS_MAX) {
		struct token key = protocol_word(&at, last);

		if (!key.size) {
			commands_end_get(connection->channel);
			connection->state = STATE_LINE;
			return line + 1;
		}
		if (!commands_get_key(connection->channel, connection->command.verb, key)) {
			connection->state = STATE_LINE;
			return line + 1;
		}
	}
	commands_pause_get();
	return at;
}

/* A storage command waits for its data, and its key's place will be used again. */
static void expect_data(struct connection *connection)
{
	struct command *command = &connection->command;

	if (command->size > largest) {
		commands_refuse(connection->channel, command);
		connection->skip = command->size + 2;
		connection->state = STATE_SKIP;
		return;
	}
	memcpy(connection->key, command->key.at, command->key.size);
	command->key.at = connection->key;
	connection->state = STATE_DATA;
}

static const char *take_line(struct connection *connection, const char *at, const char *end)
{
	struct command *command = &connection->command;
	const char *line = end_of_line(at, end), *wrong;

	if (!line && end - at <= PROTOCOL_LINE_MAX)
		return NULL;
	if (!line || line - at > PROTOCOL_LINE_MAX) {
		commands_answer(connection->channel, false, "CLIENT_ERROR line too long");
		connection->state = STATE_LOST;
		return at;
	}
	wrong = protocol_parse(at, (size_t)(without_return(at, line) - at), command);
	if (wrong) {
		commands_answer(connection->channel, false, wrong);
	} else if (command->verb <= VERB_GETS) {
		connection->state = STATE_KEYS;
		return command->key.at;
	} else if (command->verb <= VERB_CAS) {
		expect_data(connection);
	} else {
		commands_execute(connection->channel, command, NULL);
	}
	return line + 1;
}

static const char *lose_line(struct connection *connection, const char *at, const char *end)
{
	const char *line = end_of_line(at, end);

	if (at == end)
		return NULL;
	if (line)
		connection->state = STATE_LINE;
	return line ? line + 1 : end;
}

static const char *(*const takers[])(struct connection *, const char *, const char *) = {
        [STATE_LINE] = take_line, [STATE_KEYS] = take_keys, [STATE_DATA] = take_data,
        [STATE_SKIP] = skip_data, [STATE_LOST] = lose_line,
};

/* Uses what it can; the number of bytes. */
static size_t use(struct connection *connection, const char *data, size_t size)
{
	const char *at = data, *end = data + size, *next;

	while (channel_waiting(connection->channel) < ANSWERS_MAX && !connection->channel->finishing) {
		next = takers[connection->state](connection, at, end);
		if (!next)
			break;
		at = next;
	}
	return (size_t)(at - data);
}

/* ---- input that has to wait -------------------------------------------------------------------------------
 */

static bool keep(struct connection *connection, const char *data, size_t size)
{
	size_t needed = connection->kept_size + size;

	if (needed > INPUT_MAX)
		return false;
	if (needed > connection->kept_capacity) {
		char *kept = realloc(connection->kept, needed);

		if (!kept)
			return false;
		connection->kept = kept;
		connection->kept_capacity = needed;
	}
	memcpy(connection->kept + connection->kept_size, data, size);
	connection->kept_size = needed;
	return true;
}

static void use_kept(struct connection *connection)
{
	size_t used = use(connection, connection->kept, connection->kept_size);

	connection->kept_size -= used;
	memmove(connection->kept, connection->kept + used, connection->kept_size);
}

bool connection_feed(struct connection *connection, const char *data, size_t size)
{
	size_t used = connection->kept_size ? 0 : use(connection, data, size);

	if (used == size)
		return true;
	if (!keep(connection, data + used, size - used)) {
		channel_reset(connection->channel);
		return false;
	}
	if (used == 0)
		use_kept(connection);
	return true;
}

static void finish_if_done(struct connection *connection)
{
	if (connection->ended && !channel_waiting(connection->channel))
		channel_finish(connection->channel);
}

void connection_resume(struct connection *connection)
{
	if (connection->kept_size)
		use_kept(connection);
	finish_if_done(connection);
}

void connection_end(struct connection *connection)
{
	connection->ended = true;
	finish_if_done(connection);
}
