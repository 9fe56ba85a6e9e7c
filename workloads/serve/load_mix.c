#include "load_mix.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/station.h"

#define PERCENT      100
#define CONNECTIONS  64 /* more than there are, to give each a seed of its own */
#define LOG_MIDDLE   (STATION_PATTERN / 2)
#define LOG_PIECE    32
#define LOG_MAX      1024
#define STEP_MAX     1000
#define QUIET_ONE_IN 4

const char *const load_mixes[] = {"read", "update", "all", NULL};
enum { MIXES = 3 };

static uint64_t key_count, size, mix;
static struct zipfian zipfian;
static char contents[STATION_PATTERN + LOAD_SIZE_MAX];

void load_open(uint64_t keys, uint64_t value_size, uint64_t which)
{
	key_count = keys;
	size = value_size;
	mix = which;
	zipfian_init(&zipfian, keys, ZIPFIAN_THETA);
	station_fill(contents, sizeof(contents));
}

void load_items(struct items *items, unsigned connection, uint64_t seed)
{
	*items = (struct items){.connection = connection};
	random_seed(&items->random, seed * CONNECTIONS + connection);
	items->keys = calloc(key_count, sizeof(*items->keys));
	if (!items->keys)
		station_fail("out of memory");
}

/* ---- commands and answers ---------------------------------------------------------------------------------
 */

/* What is being made. */
struct exchange {
	struct items *items;
	char *command;
	size_t command_size;
	struct answer *answer;
};

__attribute__((format(printf, 2, 3))) static void say(struct exchange *exchange, const char *format, ...)
{
	char *at = exchange->command + exchange->command_size;
	va_list list;

	va_start(list, format);
	exchange->command_size +=
	        (size_t)vsnprintf(at, LOAD_COMMAND_MAX - exchange->command_size, format, list);
	va_end(list);
}

static void say_data(struct exchange *exchange, const char *data, size_t data_size)
{
	say(exchange, "\r\n");
	memcpy(exchange->command + exchange->command_size, data, data_size);
	exchange->command_size += data_size;
	say(exchange, "\r\n");
}

__attribute__((format(printf, 2, 3))) static void expect(struct exchange *exchange, const char *format, ...)
{
	struct answer *answer = exchange->answer;
	va_list list;

	va_start(list, format);
	answer->head_size = (unsigned)vsnprintf(answer->head, sizeof(answer->head), format, list);
	va_end(list);
}

static void expect_data(struct exchange *exchange, const char *data, size_t data_size)
{
	exchange->answer->body = data;
	exchange->answer->body_size = data_size;
}

/* ---- items with a value of their own ----------------------------------------------------------------------
 */

static unsigned draw(struct items *items)
{
	return (unsigned)(random_mix(zipfian_next(&zipfian, &items->random)) % key_count);
}

static const char *value(const struct items *items, unsigned key)
{
	uint64_t number = ((uint64_t)items->connection << 24 | key) << 32 | items->keys[key].version;

	return contents + random_mix(number) % STATION_PATTERN;
}

/* A storage command in which the value is a new one. `good`: it will be stored, else the answer is `bad`. */
static void store(struct exchange *exchange, const char *verb, unsigned key, bool good, const char *bad,
                  const char *more)
{
	struct items *items = exchange->items;
	struct key *state = &items->keys[key];
	struct key before = *state;

	state->version++;
	say(exchange, "%s c%u:%06u %u 0 %" PRIu64 "%s", verb, items->connection, key, key, size, more);
	say_data(exchange, value(items, key), size);
	if (good)
		state->there = true;
	else
		*state = before;
	expect(exchange, "%s\r\n", good ? "STORED" : bad);
}

static void set(struct exchange *exchange)
{
	store(exchange, "set", draw(exchange->items), true, NULL, "");
}

/* Now and then without an answer. */
static void set_any(struct exchange *exchange)
{
	bool quiet = random_below(&exchange->items->random, QUIET_ONE_IN) == 0;

	store(exchange, "set", draw(exchange->items), true, NULL, quiet ? " noreply" : "");
	if (quiet)
		exchange->answer->head_size = 0;
}

static void add(struct exchange *exchange)
{
	unsigned key = draw(exchange->items);

	store(exchange, "add", key, !exchange->items->keys[key].there, "NOT_STORED", "");
}

static void replace(struct exchange *exchange)
{
	unsigned key = draw(exchange->items);

	store(exchange, "replace", key, exchange->items->keys[key].there, "NOT_STORED", "");
}

/* With what the last gets has told, if there was one. */
static void cas(struct exchange *exchange)
{
	struct items *items = exchange->items;
	unsigned key = items->seen.unique ? items->seen.key : draw(items);
	bool there = items->keys[key].there;
	bool same = items->seen.unique && items->keys[key].version == items->seen.version;
	char unique[24];

	snprintf(unique, sizeof(unique), " %" PRIu64, items->seen.unique);
	store(exchange, "cas", key, there && same, there ? "EXISTS" : "NOT_FOUND", unique);
}

static void get(struct exchange *exchange)
{
	struct items *items = exchange->items;
	unsigned key = draw(items);

	say(exchange, "get c%u:%06u\r\n", items->connection, key);
	if (!items->keys[key].there) {
		expect(exchange, "END\r\n");
		return;
	}
	expect(exchange, "VALUE c%u:%06u %u %" PRIu64 "\r\n", items->connection, key, key, size);
	expect_data(exchange, value(items, key), size);
}

static void gets(struct exchange *exchange)
{
	struct items *items = exchange->items;
	unsigned key = draw(items);

	say(exchange, "gets c%u:%06u\r\n", items->connection, key);
	if (!items->keys[key].there) {
		expect(exchange, "END\r\n");
		return;
	}
	expect(exchange, "VALUE c%u:%06u %u %" PRIu64 " ", items->connection, key, key, size);
	expect_data(exchange, value(items, key), size);
	exchange->answer->has_unique = true;
	exchange->answer->key = key;
	exchange->answer->version = items->keys[key].version;
}

static void miss(struct exchange *exchange)
{
	say(exchange, "get c%u:none\r\n", exchange->items->connection);
	expect(exchange, "END\r\n");
}

/* A version of an item that is gone will not come again. */
static void delete (struct exchange *exchange)
{
	struct items *items = exchange->items;
	unsigned key = draw(items);

	say(exchange, "delete c%u:%06u\r\n", items->connection, key);
	expect(exchange, items->keys[key].there ? "DELETED\r\n" : "NOT_FOUND\r\n");
	items->keys[key].there = false;
	items->keys[key].version++;
}

/* ---- the item that counts, and the one that grows ---------------------------------------------------------
 */

static void step(struct exchange *exchange, const char *verb, uint64_t by)
{
	struct items *items = exchange->items;

	say(exchange, "%s c%u:counter %" PRIu64 "\r\n", verb, items->connection, by);
	if (items->counts)
		expect(exchange, "%" PRIu64 "\r\n", items->counter);
	else
		expect(exchange, "NOT_FOUND\r\n");
}

static void incr(struct exchange *exchange)
{
	uint64_t by = random_below(&exchange->items->random, STEP_MAX);

	exchange->items->counter += by;
	step(exchange, "incr", by);
}

static void decr(struct exchange *exchange)
{
	uint64_t by = random_below(&exchange->items->random, 2 * STEP_MAX),
	         *counter = &exchange->items->counter;

	*counter -= by < *counter ? by : *counter;
	step(exchange, "decr", by);
}

static void set_counter(struct exchange *exchange)
{
	struct items *items = exchange->items;

	items->counter = random_below(&items->random, STEP_MAX);
	items->counts = true;
	say(exchange, "set c%u:counter 0 0 %d\r\n%" PRIu64 "\r\n", items->connection,
	    snprintf(NULL, 0, "%" PRIu64, items->counter), items->counter);
	expect(exchange, "STORED\r\n");
}

static void join(struct exchange *exchange, const char *verb, size_t from)
{
	say(exchange, "%s c%u:log 0 0 %u", verb, exchange->items->connection, LOG_PIECE);
	say_data(exchange, contents + from, LOG_PIECE);
	expect(exchange, "STORED\r\n");
}

/* Begins anew when there is no room. */
static void append(struct exchange *exchange)
{
	struct items *items = exchange->items;

	if (!items->log_end || items->log_end - items->log_start >= LOG_MAX) {
		items->log_start = LOG_MIDDLE;
		items->log_end = LOG_MIDDLE + LOG_PIECE;
		join(exchange, "set", LOG_MIDDLE);
		return;
	}
	join(exchange, "append", items->log_end);
	items->log_end += LOG_PIECE;
}

static void prepend(struct exchange *exchange)
{
	struct items *items = exchange->items;

	if (!items->log_end || items->log_end - items->log_start >= LOG_MAX) {
		append(exchange);
		return;
	}
	items->log_start -= LOG_PIECE;
	join(exchange, "prepend", items->log_start);
}

static void get_log(struct exchange *exchange)
{
	struct items *items = exchange->items;

	say(exchange, "get c%u:log\r\n", items->connection);
	expect(exchange, items->log_end ? "VALUE c%u:log 0 %zu\r\n" : "END\r\n", items->connection,
	       items->log_end - items->log_start);
	if (items->log_end)
		expect_data(exchange, contents + items->log_start, items->log_end - items->log_start);
}

/* ---- the mixes --------------------------------------------------------------------------------------------
 */

static const struct {
	void (*make)(struct exchange *exchange);
	unsigned percent[MIXES];
} commands[] = {
        {get, {95, 50, 40}},  {set, {5, 50, 0}},    {set_any, {0, 0, 15}}, {add, {0, 0, 4}},
        {replace, {0, 0, 4}}, {gets, {0, 0, 6}},    {cas, {0, 0, 6}},      {miss, {0, 0, 2}},
        {delete, {0, 0, 5}},  {incr, {0, 0, 4}},    {decr, {0, 0, 3}},     {set_counter, {0, 0, 1}},
        {append, {0, 0, 5}},  {prepend, {0, 0, 2}}, {get_log, {0, 0, 3}},
};

size_t load_first(struct items *items, unsigned key, char *command, struct answer *answer)
{
	struct exchange exchange = {.items = items, .command = command, .answer = answer};

	*answer = (struct answer){0};
	store(&exchange, "set", key, true, NULL, "");
	return exchange.command_size;
}

size_t load_next(struct items *items, char *command, struct answer *answer)
{
	struct exchange exchange = {.items = items, .command = command, .answer = answer};
	unsigned number = (unsigned)random_below(&items->random, PERCENT), i = 0;

	*answer = (struct answer){0};
	while (number >= commands[i].percent[mix])
		number -= commands[i++].percent[mix];
	commands[i].make(&exchange);
	return exchange.command_size;
}
