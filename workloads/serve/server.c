/*
 * serve: a server of the memcached text protocol. Requests come through lwIP, items are in LMDB. It ends when
 * as many connections have ended in good order as it was told.
 */
#include <inttypes.h>
#include <stdio.h>

#include "channel.h"
#include "commands.h"
#include "common/ticks.h"
#include "connection.h"
#include "load_mix.h"
#include "net/station.h"
#include "portcullis/portcullis.h"
#include "server.h"
#include "store.h"

struct account {
	struct station_accounts station;
	struct store_account store;
	uint64_t copied; /* by LMDB */
	uint64_t network, waiting;
	uint64_t commands;
};

static uint64_t connections = 1, warm_up, requests, store_size = 64 << 20, item_size = SERVER_ITEM_SIZE_MAX;
static uint64_t mix, size = 64;
static uint64_t ended, waiting;
static struct account start, end;

static void account(struct account *now)
{
	station_read(&now->station);
	now->store = store_account;
	now->copied = store_bytes_copied();
	now->network = channel_ticks;
	now->waiting = waiting;
	now->commands = commands_count();
}

static void look_at_clock(void)
{
	if (requests == 0)
		return;
	if (!start.commands && commands_count() >= warm_up)
		account(&start);
	if (!end.commands && commands_count() >= warm_up + requests)
		account(&end);
}

static void accepted(struct channel *channel)
{
	channel->owner = connection_new(channel);
	if (!channel->owner) {
		channel_reset(channel);
		return;
	}
	commands_connections(1);
}

static void received(struct channel *channel, const char *data, size_t bytes)
{
	connection_feed(channel->owner, data, bytes);
	look_at_clock();
}

static void drained(struct channel *channel)
{
	connection_resume(channel->owner);
}

static void ended_by_client(struct channel *channel, int error)
{
	if (!error)
		connection_end(channel->owner);
}

/* A connection that was cut does not count: the server goes on without it. */
static void closed(struct channel *channel)
{
	if (!channel->owner)
		return;
	connection_free(channel->owner);
	commands_connections(-1);
	if (!channel->failed)
		ended++;
}

static const struct channel_handler handler = {
        .accepted = accepted,
        .received = received,
        .drained = drained,
        .ended = ended_by_client,
        .closed = closed,
        .holds_back = true,
};

static void run(void)
{
	while (ended < connections) {
		uint64_t began;

		if (channel_turn())
			continue;
		began = ticks_now();
		station_wait();
		waiting += ticks_now() - began;
	}
}

static void report(void)
{
	static struct record_source source = {.experiment = "stack", .workload = "serve"};
	uint64_t n = end.commands - start.commands;
	double each = 1.0 / (double)n;
	double network = (double)(end.network - start.network) * each;
	double store = (double)(end.store.ticks - start.store.ticks) * each;
	double idle = (double)(end.waiting - start.waiting) * each;
	double all = (double)(end.station.ticks - start.station.ticks) * each;
	double calls = (double)(end.store.entrances - start.store.entrances) * each;
	struct station_costs costs;

	station_costs(&start.station, &end.station, n, &costs);
	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments("\"case\":\"%s\",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu64
	                  ",\"checksums\":%" PRIu64 ",\"interface\":\"%s\"",
	                  load_mixes[mix], size, connections, station.checksums,
	                  station_interfaces[station.interface]);
	records_number("operations", "operations", (double)n, 1);
	records_number("elapsed", "ticks", all, n);
	records_number("application", "ticks", all - network - store - idle, n);
	records_number("library", "ticks", network + store, n);
	records_number("library_lwip", "ticks", network, n);
	records_number("library_lmdb", "ticks", store, n);
	records_number("waiting", "ticks", idle, n);
	records_number("kernel", "ticks", costs.kernel, n);
	records_number("entrances", "entrances", costs.entrances + calls, n);
	records_number("entrances_lwip", "calls", costs.entrances, n);
	records_number("entrances_lmdb", "calls", calls, n);
	records_number("waits", "system calls", costs.waits, n);
	records_number("copied", "bytes", costs.copied + (double)(end.copied - start.copied) * each, n);
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--connections",
	         .help = "that end in good order before the server does",
	         .number = &connections,
	         .least = 1,
	         .most = 1000000},
	        {.name = "--warm-up",
	         .help = "commands before those that are accounted for",
	         .number = &warm_up,
	         .most = UINT32_MAX},
	        {.name = "--requests",
	         .help = "commands that are; 0: no account",
	         .number = &requests,
	         .most = UINT32_MAX},
	        {.name = "--store",
	         .help = "bytes of the store",
	         .number = &store_size,
	         .least = 256 << 10,
	         .most = 1 << 30},
	        {.name = "--item",
	         .help = "bytes of the largest item",
	         .number = &item_size,
	         .least = 1,
	         .most = 64 << 20},
	        {.name = "--mix", .help = "of its records", .number = &mix, .choices = load_mixes},
	        {.name = "--size", .help = "of its records", .number = &size, .most = UINT32_MAX},
	        STATION_ARGUMENTS,
	};

	arguments_parse("serve", "Serves the memcached text protocol; its clients start it.", table,
	                sizeof(table) / sizeof(table[0]), argc, argv);
	station_open_server("serve");
	store_open(store_size, item_size);
	commands_open(store_size, item_size);
	connection_limit(item_size);
	channel_start(&handler);
	channel_listen(SERVER_PORT);
	run();
	store_close();
	if (end.commands)
		report();
	return 0;
}
