/* net-rr: request and response over TCP, a request at a time on each connection. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digest.h"
#include "common/ticks.h"
#include "portcullis/portcullis.h"
#include "station.h"

#define SIZE_MAX_MESSAGE 65536
#define CONNECTIONS_MAX  64

struct connection {
	int socket;
	uint64_t number;       /* of the request that is under way */
	size_t sent, received; /* bytes of it, and of the answer */
	uint64_t began;        /* ticks */
	uint64_t digest;
};

static uint64_t size = 64, connections = 1, requests = 1000, warm_up = 16, resets;
static char contents[STATION_PATTERN + SIZE_MAX_MESSAGE];
static char answers[CONNECTIONS_MAX][SIZE_MAX_MESSAGE]; /* as far as they have arrived */
static struct connection all[CONNECTIONS_MAX], *of[NET_SOCKETS_MAX];
static uint64_t done;
static struct histogram latency;
static struct station_accounts start, end;

static const char *request_of(const struct connection *connection)
{
	return contents + random_mix(connection->number * CONNECTIONS_MAX + (uint64_t)(connection - all)) %
	                          STATION_PATTERN;
}

/* Each connection has the same number of requests, so that the answers do not depend on who is faster. */
static uint64_t share(void)
{
	return (requests + warm_up + connections - 1) / connections;
}

static bool begin(struct connection *connection)
{
	if (connection->number == share())
		return false;
	connection->sent = connection->received = 0;
	connection->began = ticks_now();
	return true;
}

static void complete(struct connection *connection, const char *whole)
{
	if (memcmp(whole, request_of(connection), size))
		station_fail("answer %" PRIu64 " differs from its request", connection->number);
	connection->digest = digest_bytes(connection->digest, whole, size);
	if (done >= warm_up)
		histogram_add(&latency, ticks_now() - connection->began);
	connection->number++;
	if (++done == warm_up)
		station_read(&start);
	if (done == share() * connections)
		station_read(&end);
}

static char *answer_of(const struct connection *connection)
{
	return answers[connection - all];
}

/* The next bytes of an answer have arrived. True: it is complete. */
static bool take(struct connection *connection, const char *bytes, long count)
{
	char *place = answer_of(connection) + connection->received;

	if (count <= 0)
		station_fail("a connection ended: %s",
		             count ? strerror((int)-count) : "closed by the server");
	if ((size_t)count > size - connection->received)
		station_fail("answer %" PRIu64 " is longer than its request", connection->number);
	if ((size_t)count == size) {
		complete(connection, bytes);
		return true;
	}
	if (bytes != place)
		memcpy(place, bytes, (size_t)count);
	connection->received += (size_t)count;
	if (connection->received < size)
		return false;
	complete(connection, answer_of(connection));
	return true;
}

/* ---- one entrance a call ----------------------------------------------------------------------------------
 */

static void send_rest(struct connection *connection)
{
	while (connection->sent < size) {
		long count = net_send(connection->socket, request_of(connection) + connection->sent,
		                      size - connection->sent);

		if (count == -EAGAIN)
			return;
		if (count < 0)
			station_fail("cannot send: %s", strerror((int)-count));
		connection->sent += (size_t)count;
	}
}

static void receive(struct connection *connection)
{
	char *place = answer_of(connection) + connection->received;
	long count = net_receive(connection->socket, place, size - connection->received);

	if (count != -EAGAIN && take(connection, place, count) && begin(connection))
		send_rest(connection);
}

static void run_calls(void)
{
	struct net_event events[CONNECTIONS_MAX];

	for (uint64_t i = 0; i < connections; i++)
		if (begin(&all[i]))
			send_rest(&all[i]);
	while (done < share() * connections) {
		int count = net_poll(events, CONNECTIONS_MAX);

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		for (int i = 0; i < count; i++) {
			struct connection *connection = of[events[i].socket];

			if (events[i].what & NET_WRITABLE)
				send_rest(connection);
			if (events[i].what & (NET_READABLE | NET_FAILED))
				receive(connection);
		}
		if (count == 0)
			station_wait();
	}
}

/* ---- one entrance for many --------------------------------------------------------------------------------
 */

static struct net_send sends[NET_BURST_MAX];
static struct net_receipt receipts[NET_BURST_MAX];
static char pool[CONNECTIONS_MAX * 4096];

static void add_send(struct net_burst *burst, struct connection *connection)
{
	if (connection->sent < size)
		sends[burst->send_count++] =
		        (struct net_send){connection->socket, (uint32_t)(size - connection->sent),
		                          request_of(connection) + connection->sent, 0};
}

static void note_sent(struct net_burst *burst)
{
	for (uint32_t i = 0; i < burst->send_count; i++) {
		if (sends[i].result > 0)
			of[sends[i].socket]->sent += (size_t)sends[i].result;
		else if (sends[i].result != -EAGAIN)
			station_fail("cannot send: %s", strerror((int)-sends[i].result));
	}
	burst->send_count = 0;
}

static void handle(struct net_burst *burst, const struct net_receipt *receipt)
{
	struct connection *connection = of[receipt->socket];

	if (receipt->what & NET_FAILED)
		station_fail("a connection ended: %s", strerror((int)-net_receive(receipt->socket, pool, 1)));
	if (receipt->what & NET_WRITABLE)
		add_send(burst, connection);
	if (receipt->what & NET_READABLE && take(connection, pool + receipt->offset, (long)receipt->result) &&
	    begin(connection))
		add_send(burst, connection);
}

static void run_burst(void)
{
	struct net_burst burst = {.sends = sends,
	                          .receipts = receipts,
	                          .receipt_count = CONNECTIONS_MAX,
	                          .buffer = pool,
	                          .size = sizeof(pool)};

	for (uint64_t i = 0; i < connections; i++)
		if (begin(&all[i]))
			add_send(&burst, &all[i]);
	while (done < share() * connections) {
		int count = net_burst(&burst);

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		note_sent(&burst);
		for (int i = 0; i < count; i++)
			handle(&burst, &receipts[i]);
		if (count == 0)
			station_wait();
	}
}

/* ---- the program ------------------------------------------------------------------------------------------
 */

static void start_server(const char *self)
{
	char size_text[24], connections_text[24], warm_up_text[24];
	const char *const more[] = {"--size",         size_text,   "--connections",
	                            connections_text, "--warm-up", warm_up_text,
	                            "--case",         "rr",        NULL};

	snprintf(size_text, sizeof(size_text), "%" PRIu64, size);
	snprintf(connections_text, sizeof(connections_text), "%" PRIu64, connections);
	snprintf(warm_up_text, sizeof(warm_up_text), "%" PRIu64, warm_up);
	station_start_server(self, "net-echo", more);
}

/* Connections that are cut in mid-request: the server must go on. */
static void cut_connections(void)
{
	for (uint64_t i = 0; i < resets; i++) {
		int socket = station_connect(NET_TCP, STATION_ECHO_PORT);
		long sent = net_send(socket, contents, size / 2 + 1);

		if (sent < 0 || net_reset(socket))
			station_fail("a connection cannot be cut");
		station_wait();
	}
}

static void report(void)
{
	static struct record_source source = {.experiment = "net", .workload = "net-rr"};
	uint64_t total = share() * connections - warm_up, digest = 0;
	char text[24];

	for (uint64_t i = 0; i < connections; i++)
		digest = digest_word(digest, all[i].digest);
	snprintf(text, sizeof(text), "%016" PRIx64, digest_end(digest));
	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments("\"case\":\"rr\",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu64
	                  ",\"checksums\":%" PRIu64 ",\"interface\":\"%s\"",
	                  size, connections, station.checksums, station_interfaces[station.interface]);
	station_record(&start, &end, total);
	records_histogram("latency", "ticks", &latency);
	printf("net-rr: %" PRIu64 " requests of %" PRIu64 " bytes, %" PRIu64 " connections: %" PRIu64
	       " ticks each, median latency %" PRIu64 ", digest %s\n",
	       total, size, connections, (end.ticks - start.ticks) / total, histogram_permille(&latency, 500),
	       text);
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--size",
	         .help = "bytes of a request",
	         .number = &size,
	         .least = 1,
	         .most = SIZE_MAX_MESSAGE},
	        {.name = "--connections",
	         .help = "at the same time",
	         .number = &connections,
	         .least = 1,
	         .most = CONNECTIONS_MAX},
	        {.name = "--requests",
	         .help = "on all connections together",
	         .number = &requests,
	         .least = 1,
	         .most = 100000000},
	        {.name = "--warm-up",
	         .help = "requests before them",
	         .number = &warm_up,
	         .least = 1,
	         .most = 1000000},
	        {.name = "--resets",
	         .help = "connections that are cut in mid-request before the others",
	         .number = &resets,
	         .most = 100000},
	        STATION_ARGUMENTS,
	};

	arguments_parse("net-rr",
	                "Sends requests over TCP to net-echo, which it starts, and checks the answers.",
	                table, sizeof(table) / sizeof(table[0]), argc, argv);
	station_fill(contents, sizeof(contents));
	station_open_client("net-rr");
	start_server(argv[0]);
	cut_connections();
	for (uint64_t i = 0; i < connections; i++) {
		all[i].socket = station_connect(NET_TCP, STATION_ECHO_PORT);
		of[all[i].socket] = &all[i];
	}
	if (station.interface == STATION_BURST)
		run_burst();
	else
		run_calls();
	for (uint64_t i = 0; i < connections; i++)
		net_close(all[i].socket);
	station_finish(NULL);
	report();
	return 0;
}
