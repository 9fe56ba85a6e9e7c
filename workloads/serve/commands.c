#include "commands.h"

#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store.h"

#define MONTH         (30 * 24 * 3600) /* times of expiry up to it are from now on */
#define LONG_PAST     1
#define NUMBER_DIGITS 20 /* of 2^64 - 1 */

enum counter {
	CURR_CONNECTIONS,
	TOTAL_CONNECTIONS,
	CMD_GET,
	CMD_SET,
	GET_HITS,
	GET_MISSES,
	DELETE_MISSES,
	DELETE_HITS,
	INCR_MISSES,
	INCR_HITS,
	DECR_MISSES,
	DECR_HITS,
	CAS_MISSES,
	CAS_HITS,
	CAS_BADVAL,
	TOTAL_ITEMS,
	COUNTERS,
};

static const char *const counter_names[COUNTERS] = {
        [CURR_CONNECTIONS] = "curr_connections",
        [TOTAL_CONNECTIONS] = "total_connections",
        [CMD_GET] = "cmd_get",
        [CMD_SET] = "cmd_set",
        [GET_HITS] = "get_hits",
        [GET_MISSES] = "get_misses",
        [DELETE_MISSES] = "delete_misses",
        [DELETE_HITS] = "delete_hits",
        [INCR_MISSES] = "incr_misses",
        [INCR_HITS] = "incr_hits",
        [DECR_MISSES] = "decr_misses",
        [DECR_HITS] = "decr_hits",
        [CAS_MISSES] = "cas_misses",
        [CAS_HITS] = "cas_hits",
        [CAS_BADVAL] = "cas_badval",
        [TOTAL_ITEMS] = "total_items",
};

static const char too_large[] = "SERVER_ERROR object too large for cache";

static uint64_t counters[COUNTERS], executed;
static size_t limit, largest;
static time_t started;

void commands_open(size_t store_size, size_t data_max)
{
	limit = store_size;
	largest = data_max;
	started = time(NULL);
}

uint64_t commands_count(void)
{
	return executed;
}

void commands_connections(int change)
{
	counters[CURR_CONNECTIONS] += (uint64_t)(int64_t)change;
	if (change > 0)
		counters[TOTAL_CONNECTIONS]++;
}

void commands_answer(struct channel *channel, bool quiet, const char *line)
{
	if (quiet)
		return;
	channel_write(channel, line, strlen(line));
	channel_write(channel, "\r\n", 2);
}

static void answer_failure(struct channel *channel, bool quiet, int error)
{
	char line[128];

	if (error == MDB_MAP_FULL)
		snprintf(line, sizeof(line), "SERVER_ERROR out of memory storing object");
	else
		snprintf(line, sizeof(line), "SERVER_ERROR %s", store_text(error));
	commands_answer(channel, quiet, line);
}

/* ---- storing ----------------------------------------------------------------------------------------------
 */

/* Seconds since 1970 from what a client sent. */
static int64_t expiry(int64_t sent)
{
	if (sent < 0)
		return LONG_PAST;
	return sent > 0 && sent <= MONTH ? (int64_t)time(NULL) + sent : sent;
}

/* May the command store? NULL, or the answer. `error` is what finding the old item returned. */
static const char *forbid(const struct command *command, int error, const struct item *old)
{
	bool there = error == 0;

	switch (command->verb) {
	case VERB_ADD:
		return there ? "NOT_STORED" : NULL;
	case VERB_REPLACE:
	case VERB_APPEND:
	case VERB_PREPEND:
		return there ? NULL : "NOT_STORED";
	case VERB_CAS:
		counters[!there ? CAS_MISSES : old->unique == command->number ? CAS_HITS : CAS_BADVAL]++;
		if (!there)
			return "NOT_FOUND";
		return old->unique == command->number ? NULL : "EXISTS";
	default:
		return NULL;
	}
}

/* Puts the new item's data to the store's room. False: it would be too large. */
static bool compose(const struct command *command, const char *data, const struct item *old,
                    struct item *item)
{
	bool joins = command->verb == VERB_APPEND || command->verb == VERB_PREPEND;
	size_t before = command->verb == VERB_APPEND ? old->size : 0;
	size_t behind = command->verb == VERB_PREPEND ? old->size : 0;

	*item = (struct item){.flags = joins ? old->flags : command->flags,
	                      .expires = joins ? old->expires : expiry(command->expires),
	                      .size = before + command->size + behind};
	if (item->size > largest)
		return false;
	memcpy(store_room(), old->data, before);
	memcpy(store_room() + before, data, command->size);
	memcpy(store_room() + before + command->size, old->data, behind);
	return true;
}

/* In a transaction: 0 with the answer, or an error of the store. */
static int try_to_store(const struct command *command, const char *data, const char **answer)
{
	struct item old = {0}, item;
	int error = 0;

	if (command->verb != VERB_SET)
		error = store_find(command->key, &old);
	if (error && error != MDB_NOTFOUND)
		return error;
	*answer = forbid(command, error, &old);
	if (*answer)
		return 0;
	*answer = too_large;
	if (!compose(command, data, &old, &item))
		return 0;
	*answer = "STORED";
	counters[TOTAL_ITEMS]++;
	return store_put(command->key, &item);
}

/* Best effort: the store may be too full even to remove something. */
static void remove_old(struct token key)
{
	if (store_begin(true) == 0)
		store_end(store_remove(key) == 0);
}

static void store_item(struct channel *channel, const struct command *command, const char *data)
{
	const char *answer = NULL;
	int error = store_begin(true);

	counters[CMD_SET]++;
	if (!error) {
		int end;

		error = try_to_store(command, data, &answer);
		end = store_end(!error);
		if (!error)
			error = end;
	}
	if (!error) {
		commands_answer(channel, command->quiet, answer);
		return;
	}
	if (command->verb == VERB_SET)
		remove_old(command->key);
	answer_failure(channel, command->quiet, error);
}

void commands_refuse(struct channel *channel, const struct command *command)
{
	executed++;
	if (command->verb == VERB_SET)
		remove_old(command->key);
	commands_answer(channel, command->quiet, too_large);
}

/* ---- counting and deleting --------------------------------------------------------------------------------
 */

/* In a transaction, as above. The answer may be in `text`. */
static int try_to_count(const struct command *command, char text[static NUMBER_DIGITS + 1],
                        const char **answer)
{
	bool up = command->verb == VERB_INCR;
	uint64_t value = 0;
	struct item item;
	int error = store_find(command->key, &item);

	if (error == MDB_NOTFOUND) {
		counters[up ? INCR_MISSES : DECR_MISSES]++;
		*answer = "NOT_FOUND";
		return 0;
	}
	if (error)
		return error;
	*answer = "CLIENT_ERROR cannot increment or decrement non-numeric value";
	if (!protocol_number((struct token){item.data, item.size}, &value))
		return 0;
	counters[up ? INCR_HITS : DECR_HITS]++;
	if (up)
		value += command->number;
	else
		value -= command->number < value ? command->number : value;
	item.size = (size_t)snprintf(text, NUMBER_DIGITS + 1, "%" PRIu64, value);
	memcpy(store_room(), text, item.size);
	*answer = text;
	return store_put(command->key, &item);
}

static void count(struct channel *channel, const struct command *command)
{
	const char *answer = NULL;
	char text[NUMBER_DIGITS + 1];
	int error = store_begin(true), end;

	if (!error) {
		error = try_to_count(command, text, &answer);
		end = store_end(!error);
		if (!error)
			error = end;
	}
	if (error)
		answer_failure(channel, command->quiet, error);
	else
		commands_answer(channel, command->quiet, answer);
}

static void delete (struct channel *channel, const struct command *command)
{
	int error = store_begin(true), end;
	struct item item;

	if (!error) {
		error = store_find(command->key, &item);
		if (!error)
			error = store_remove(command->key);
		end = store_end(!error);
		if (!error)
			error = end;
	}
	if (error && error != MDB_NOTFOUND) {
		answer_failure(channel, command->quiet, error);
		return;
	}
	counters[error ? DELETE_MISSES : DELETE_HITS]++;
	commands_answer(channel, command->quiet, error ? "NOT_FOUND" : "DELETED");
}

/* ---- reading ----------------------------------------------------------------------------------------------
 */

bool commands_begin_get(struct channel *channel)
{
	int error = store_begin(false);

	if (error)
		answer_failure(channel, false, error);
	return !error;
}

void commands_pause_get(void)
{
	store_end(false);
}

/* A decimal number behind a space; the place behind it. This is what most of an answer's time would go into.
 */
static char *put_number(char *at, uint64_t number)
{
	char digits[NUMBER_DIGITS], *digit = digits + sizeof(digits);

	do
		*--digit = (char)('0' + number % 10);
	while (number /= 10);
	*at++ = ' ';
	memcpy(at, digit, (size_t)(digits + sizeof(digits) - digit));
	return at + (digits + sizeof(digits) - digit);
}

static void show(struct channel *channel, enum verb verb, struct token key, const struct item *item)
{
	static const char value[] = "VALUE ";
	char head[sizeof(value) + PROTOCOL_KEY_MAX + 3 * (NUMBER_DIGITS + 1) + 2], *at = head;

	at = mempcpy(at, value, sizeof(value) - 1);
	at = mempcpy(at, key.at, key.size);
	at = put_number(at, item->flags);
	at = put_number(at, item->size);
	if (verb == VERB_GETS)
		at = put_number(at, item->unique);
	at = mempcpy(at, "\r\n", 2);
	channel_write(channel, head, (size_t)(at - head));
	channel_write(channel, item->data, item->size);
	channel_write(channel, "\r\n", 2);
}

bool commands_get_key(struct channel *channel, enum verb verb, struct token key)
{
	struct item item;
	int error;

	counters[CMD_GET]++;
	if (key.size > PROTOCOL_KEY_MAX) {
		commands_answer(channel, false, "CLIENT_ERROR bad command line format");
		store_end(false);
		return false;
	}
	error = store_find(key, &item);
	if (error && error != MDB_NOTFOUND) {
		answer_failure(channel, false, error);
		store_end(false);
		return false;
	}
	counters[error ? GET_MISSES : GET_HITS]++;
	if (!error)
		show(channel, verb, key, &item);
	return true;
}

void commands_end_get(struct channel *channel)
{
	store_end(false);
	executed++;
	commands_answer(channel, false, "END");
}

/* ---- the rest ---------------------------------------------------------------------------------------------
 */

static void stat(struct channel *channel, const char *name, uint64_t value)
{
	char line[64];

	snprintf(line, sizeof(line), "STAT %s %" PRIu64, name, value);
	commands_answer(channel, false, line);
}

static void statistics(struct channel *channel)
{
	uint64_t items = 0;
	int error = store_begin(false);

	if (!error) {
		error = store_count(&items);
		store_end(false);
	}
	if (error) {
		answer_failure(channel, false, error);
		return;
	}
	stat(channel, "pid", (uint64_t)getpid());
	stat(channel, "uptime", (uint64_t)(time(NULL) - started));
	stat(channel, "time", (uint64_t)time(NULL));
	commands_answer(channel, false, "STAT version portcullis");
	stat(channel, "pointer_size", 8 * sizeof(void *));
	for (unsigned i = 0; i < COUNTERS; i++)
		stat(channel, counter_names[i], counters[i]);
	stat(channel, "curr_items", items);
	stat(channel, "limit_maxbytes", limit);
	commands_answer(channel, false, "END");
}

void commands_execute(struct channel *channel, const struct command *command, const char *data)
{
	executed++;
	switch (command->verb) {
	case VERB_INCR:
	case VERB_DECR:
		count(channel, command);
		break;
	case VERB_DELETE:
		delete (channel, command);
		break;
	case VERB_STATS:
		statistics(channel);
		break;
	case VERB_VERSION:
		commands_answer(channel, false, "VERSION portcullis");
		break;
	case VERB_QUIT:
		channel_finish(channel);
		break;
	default:
		store_item(channel, command, data);
	}
}
