/*
 * serve-load: sends commands to serve, which it starts, and checks every byte of the answers. Closed loop: a
 * number of commands is under way on each connection; open loop: commands are due at times of their own,
 * whatever the server does.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "common/digest.h"
#include "common/ticks.h"
#include "load_mix.h"
#include "net/station.h"
#include "portcullis/portcullis.h"
#include "server.h"

#define PIPELINE_MAX 256

/* Which part of an answer comes next. */
enum part { PART_HEAD, PART_UNIQUE, PART_BODY, PART_END };
static const char end_of_body[] = "\r\nEND\r\n";

struct client {
	struct channel *channel;
	struct items items;
	struct answer answers[PIPELINE_MAX]; /* that are expected, from `next` on */
	unsigned next, under_way;
	enum part part; /* of the next answer */
	size_t matched; /* bytes of that part */
	uint64_t unique;
	uint64_t issued;
	double due; /* ticks; open loop */
	uint64_t digest;
};

static uint64_t connections = 1, keys = 100, size = 64, requests = 1000, warm_up = 16, pipeline = 1, interval,
                mix, store_size = 64 << 20, resets;
static struct client *clients;
static uint64_t done;
static struct histogram latency;
static struct station_accounts start, end;

/* Each connection has the same number of commands, so that the answers do not depend on who is faster. */
static uint64_t share(void)
{
	return keys + (requests + warm_up + connections - 1) / connections;
}

static uint64_t total(void)
{
	return share() * connections;
}

/* Commands before those that count: a share is rounded up, and what is too much warms up. */
static uint64_t unmeasured(void)
{
	return total() - requests;
}

static void count(const struct answer *answer)
{
	if (done >= unmeasured() && answer)
		histogram_add(&latency, ticks_now() - answer->began);
	if (++done == unmeasured())
		station_read(&start);
	if (done == total())
		station_read(&end);
}

/* ---- answers ----------------------------------------------------------------------------------------------
 */

static void complete(struct client *client)
{
	struct answer *answer = &client->answers[client->next];

	client->digest = digest_bytes(client->digest, answer->head, answer->head_size);
	if (answer->body)
		client->digest = digest_bytes(client->digest, answer->body, answer->body_size);
	if (answer->has_unique) {
		client->items.seen.key = answer->key;
		client->items.seen.version = answer->version;
		client->items.seen.unique = client->unique;
	}
	client->next = (client->next + 1) % PIPELINE_MAX;
	client->under_way--;
	count(answer);
}

static enum part next_part(enum part part, const struct answer *answer)
{
	if (part == PART_HEAD && answer->has_unique)
		return PART_UNIQUE;
	if (part <= PART_UNIQUE)
		return answer->body ? PART_BODY : PART_HEAD;
	return part == PART_BODY ? PART_END : PART_HEAD;
}

/* The digits of a version, up to the end of the line. The bytes used; *whole: there are no more. */
static size_t take_unique(struct client *client, const char *data, size_t bytes, bool *whole)
{
	size_t used = 0;

	if (client->matched == 0)
		client->unique = 0;
	while (used < bytes && !*whole) {
		char byte = data[used++];

		*whole = byte == '\n';
		client->matched++;
		if (byte >= '0' && byte <= '9')
			client->unique = client->unique * 10 + (uint64_t)(byte - '0');
		else if (byte != '\r' && !*whole)
			station_fail("a version is not a number");
	}
	return used;
}

/* Compares the next bytes with one part of the answer that is expected; the number of them. */
static size_t take_part(struct client *client, const char *data, size_t bytes)
{
	const struct answer *answer = &client->answers[client->next];
	const char *expected = client->part == PART_HEAD   ? answer->head
	                       : client->part == PART_BODY ? answer->body
	                                                   : end_of_body;
	size_t left = (client->part == PART_HEAD   ? answer->head_size
	               : client->part == PART_BODY ? answer->body_size
	                                           : sizeof(end_of_body) - 1) -
	              client->matched;
	bool whole = false;

	if (client->part == PART_UNIQUE) {
		bytes = take_unique(client, data, bytes, &whole);
	} else {
		bytes = bytes < left ? bytes : left;
		if (memcmp(expected + client->matched, data, bytes))
			station_fail("connection %u: not the answer expected, which begins %.*s",
			             client->items.connection, (int)strcspn(answer->head, "\r"),
			             answer->head);
		client->matched += bytes;
		whole = bytes == left;
	}
	if (!whole)
		return bytes;
	client->matched = 0;
	client->part = next_part(client->part, answer);
	if (client->part == PART_HEAD)
		complete(client);
	return bytes;
}

/* ---- commands ---------------------------------------------------------------------------------------------
 */

static void issue(struct client *client, uint64_t began)
{
	static char command[LOAD_COMMAND_MAX];
	struct answer *answer = &client->answers[(client->next + client->under_way) % PIPELINE_MAX];
	size_t bytes = client->issued < keys
	                       ? load_first(&client->items, (unsigned)client->issued, command, answer)
	                       : load_next(&client->items, command, answer);

	client->issued++;
	channel_write(client->channel, command, bytes);
	if (answer->head_size) {
		answer->began = began;
		client->under_way++;
	} else {
		count(NULL);
	}
}

static bool is_open_loop(const struct client *client)
{
	return interval && client->issued >= keys;
}

/* Exponentially distributed times between commands are those of many independent users. */
static void issue_due(struct client *client)
{
	uint64_t now = ticks_now();

	if (client->issued == keys && client->due == 0)
		client->due = (double)now;
	while (client->issued < share() && client->under_way < PIPELINE_MAX && client->due <= (double)now) {
		issue(client, (uint64_t)client->due);
		client->due -= log(1 - random_fraction(&client->items.random)) * (double)interval;
	}
}

static void issue_some(struct client *client)
{
	while (!is_open_loop(client) && client->issued < share() && client->under_way < pipeline)
		issue(client, ticks_now());
	if (is_open_loop(client))
		issue_due(client);
}

static void received(struct channel *channel, const char *data, size_t bytes)
{
	struct client *client = channel->owner;

	while (bytes) {
		size_t used;

		if (!client->under_way)
			station_fail("connection %u: an answer to nothing", client->items.connection);
		used = take_part(client, data, bytes);
		data += used;
		bytes -= used;
	}
	issue_some(client);
}

static void ended(struct channel *channel, int error)
{
	(void)channel;
	station_fail("a connection ended: %s", error ? strerror(-error) : "closed by the server");
}

static void closed(struct channel *channel)
{
	(void)channel;
}

static const struct channel_handler handler = {.received = received, .ended = ended, .closed = closed};

/* ---- the program ------------------------------------------------------------------------------------------
 */

static void start_server(const char *self)
{
	char connections_text[24], warm_up_text[24], requests_text[24], store_text[24], size_text[24];
	const char *const more[] = {
	        "--connections", connections_text, "--warm-up", warm_up_text, "--requests",
	        requests_text,   "--store",        store_text,  "--size",     size_text,
	        "--mix",         load_mixes[mix],  NULL};

	snprintf(connections_text, sizeof(connections_text), "%" PRIu64, connections);
	snprintf(warm_up_text, sizeof(warm_up_text), "%" PRIu64, unmeasured());
	snprintf(requests_text, sizeof(requests_text), "%" PRIu64, requests);
	snprintf(store_text, sizeof(store_text), "%" PRIu64, store_size);
	snprintf(size_text, sizeof(size_text), "%" PRIu64, size);
	station_start_server(self, "serve", more);
}

/* Connections that are cut in the middle of a command: the server must go on. */
static void cut_connections(void)
{
	static const char begun[] = "get none\r\nset cut 0 0 1000\r\nonly a part of the data";

	for (uint64_t i = 0; i < resets; i++) {
		struct channel *channel = channel_connect(SERVER_PORT);

		channel_write(channel, begun, sizeof(begun) - 1);
		channel_flush();
		if (station.interface == STATION_BURST)
			channel_turn();
		station_wait();
		channel_reset(channel);
	}
}

static void run(void)
{
	for (uint64_t i = 0; i < connections; i++)
		issue_some(&clients[i]);
	while (done < total()) {
		bool worked = channel_turn();

		for (uint64_t i = 0; interval && i < connections; i++)
			issue_some(&clients[i]);
		channel_flush();
		if (!worked)
			station_wait();
	}
}

static void report(void)
{
	static struct record_source source = {.experiment = "stack", .workload = "serve-load"};
	uint64_t digest = 0;

	for (uint64_t i = 0; i < connections; i++)
		digest = digest_word(digest, clients[i].digest);
	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments("\"case\":\"%s\",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu64
	                  ",\"checksums\":%" PRIu64 ",\"interface\":\"%s\",\"pipeline\":%" PRIu64
	                  ",\"interval\":%" PRIu64,
	                  load_mixes[mix], size, connections, station.checksums,
	                  station_interfaces[station.interface], pipeline, interval);
	records_number("operations", "operations", (double)requests, 1);
	station_record(&start, &end, requests);
	records_histogram("latency", "ticks", &latency);
	printf("serve-load: %" PRIu64 " requests of mix %s, %" PRIu64 " bytes, %" PRIu64
	       " connections: %" PRIu64 " ticks each, median latency %" PRIu64 ", digest %016" PRIx64 "\n",
	       requests, load_mixes[mix], size, connections, (end.ticks - start.ticks) / requests,
	       histogram_permille(&latency, 500), digest_end(digest));
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--mix",
	         .help = "of commands: 5 % sets, 50 % sets, or all commands",
	         .number = &mix,
	         .choices = load_mixes},
	        {.name = "--size",
	         .help = "bytes of a value",
	         .number = &size,
	         .least = 1,
	         .most = LOAD_SIZE_MAX},
	        {.name = "--connections",
	         .help = "at the same time",
	         .number = &connections,
	         .least = 1,
	         .most = SERVER_CONNECTIONS},
	        {.name = "--keys",
	         .help = "items of each connection",
	         .number = &keys,
	         .least = 3,
	         .most = 999999},
	        {.name = "--requests",
	         .help = "on all connections together",
	         .number = &requests,
	         .least = 1,
	         .most = 100000000},
	        {.name = "--warm-up",
	         .help = "commands before them, and behind the storing of the items",
	         .number = &warm_up,
	         .least = 1,
	         .most = 1000000},
	        {.name = "--pipeline",
	         .help = "commands under way on each connection; closed loop",
	         .number = &pipeline,
	         .least = 1,
	         .most = PIPELINE_MAX},
	        {.name = "--interval",
	         .help = "mean ticks between commands of a connection: open loop; 0: closed loop",
	         .number = &interval,
	         .most = 1000000000},
	        {.name = "--store",
	         .help = "bytes of the server's store",
	         .number = &store_size,
	         .least = 256 << 10,
	         .most = 1 << 30},
	        {.name = "--resets",
	         .help = "connections that are cut in mid-request before the others",
	         .number = &resets,
	         .most = 100000},
	        STATION_ARGUMENTS,
	};

	arguments_parse("serve-load",
	                "Sends memcached commands to serve, which it starts, and checks the answers.", table,
	                sizeof(table) / sizeof(table[0]), argc, argv);
	clients = calloc(connections, sizeof(*clients));
	if (!clients)
		station_fail("out of memory");
	load_open(keys, size, mix);
	station_open_client("serve-load");
	start_server(argv[0]);
	channel_start(&handler);
	cut_connections();
	for (uint64_t i = 0; i < connections; i++) {
		load_items(&clients[i].items, (unsigned)i, station.seed);
		clients[i].channel = channel_connect(SERVER_PORT);
		clients[i].channel->owner = &clients[i];
	}
	run();
	for (uint64_t i = 0; i < connections; i++)
		net_close(clients[i].channel->socket);
	station_finish(NULL);
	report();
	return 0;
}
