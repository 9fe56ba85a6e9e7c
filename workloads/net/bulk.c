/* net-bulk: as much as the link takes, in one direction, over TCP. The server checks every byte. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "portcullis/portcullis.h"
#include "station.h"

#define SIZE_MAX_MESSAGE 65536
#define CONNECTIONS_MAX  64

struct connection {
	int socket;
	uint64_t sent; /* bytes */
};

static uint64_t size = 16384, connections = 1, messages = 64, warm_up = 16;
static char contents[STATION_PATTERN + SIZE_MAX_MESSAGE];
static struct connection all[CONNECTIONS_MAX], *of[NET_SOCKETS_MAX];
static uint64_t complete; /* connections with nothing more to send */
static uint64_t total;    /* bytes sent on all */
static struct station_accounts start, end;

/* Of each connection, so that all have the same to do. */
static uint64_t bytes(void)
{
	return (messages + warm_up + connections - 1) / connections * size;
}

/* The rest of the message that is under way. */
static const char *rest(const struct connection *connection, size_t *length)
{
	*length = size - connection->sent % size;
	return contents + connection->sent % STATION_PATTERN;
}

/* What the stack has taken of it. True: there is more, and room for it. */
static bool took(struct connection *connection, int64_t count)
{
	if (count == -EAGAIN)
		return false;
	if (count < 0)
		station_fail("cannot send: %s", strerror((int)-count));
	connection->sent += (uint64_t)count;
	if (total < warm_up * size && total + (uint64_t)count >= warm_up * size)
		station_read(&start);
	total += (uint64_t)count;
	if (connection->sent < bytes())
		return true;
	complete++;
	return false;
}

static struct connection *writable(int socket, uint32_t what)
{
	if (what & (NET_FAILED | NET_READABLE))
		station_fail("a connection ended before its time");
	return what & NET_WRITABLE && of[socket]->sent < bytes() ? of[socket] : NULL;
}

static void send_calls(struct connection *connection)
{
	const char *data;
	size_t length;

	do
		data = rest(connection, &length);
	while (took(connection, net_send(connection->socket, data, length)));
}

static void run_calls(void)
{
	struct net_event events[CONNECTIONS_MAX];

	for (uint64_t i = 0; i < connections; i++)
		send_calls(&all[i]);
	while (complete < connections) {
		int count = net_poll(events, CONNECTIONS_MAX);

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		for (int i = 0; i < count; i++) {
			struct connection *connection = writable(events[i].socket, events[i].what);

			if (connection)
				send_calls(connection);
		}
		if (count == 0)
			station_wait();
	}
}

static void add(struct net_burst *burst, struct connection *connection)
{
	struct net_send *send = &burst->sends[burst->send_count++];
	size_t length;

	*send = (struct net_send){.socket = connection->socket};
	send->data = rest(connection, &length);
	send->size = (uint32_t)length;
}

/* A message a burst on each connection that has room. */
static void run_burst(void)
{
	static struct net_send sends[2][CONNECTIONS_MAX];
	static struct net_receipt receipts[CONNECTIONS_MAX];
	static char nothing[1];
	struct net_burst burst = {.receipts = receipts,
	                          .receipt_count = CONNECTIONS_MAX,
	                          .buffer = nothing,
	                          .size = sizeof(nothing),
	                          .sends = sends[0]};

	for (uint64_t i = 0; i < connections; i++)
		add(&burst, &all[i]);
	for (unsigned turn = 1; complete < connections; turn = !turn) {
		int count = net_burst(&burst);
		unsigned sent = burst.send_count;

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		burst.sends = sends[turn];
		burst.send_count = 0;
		for (unsigned i = 0; i < sent; i++)
			if (took(of[sends[!turn][i].socket], sends[!turn][i].result))
				add(&burst, of[sends[!turn][i].socket]);
		for (int i = 0; i < count; i++) {
			struct connection *connection = writable(receipts[i].socket, receipts[i].what);
			bool there = false;

			for (unsigned j = 0; connection && j < burst.send_count; j++)
				there |= burst.sends[j].socket == connection->socket;
			if (connection && !there)
				add(&burst, connection);
		}
		if (count == 0 && burst.send_count == 0)
			station_wait();
	}
}

static void start_server(const char *self)
{
	char size_text[24], connections_text[24], bytes_text[24], warm_up_text[24];
	const char *const more[] = {"--size",   size_text, "--connections", connections_text, "--stream",
	                            bytes_text, "--case",  "bulk",          "--warm-up",      warm_up_text,
	                            NULL};

	snprintf(size_text, sizeof(size_text), "%" PRIu64, size);
	snprintf(connections_text, sizeof(connections_text), "%" PRIu64, connections);
	snprintf(bytes_text, sizeof(bytes_text), "%" PRIu64, bytes());
	snprintf(warm_up_text, sizeof(warm_up_text), "%" PRIu64, warm_up);
	station_start_server(self, "net-echo", more);
}

static void report(void)
{
	static struct record_source source = {.experiment = "net", .workload = "net-bulk"};
	uint64_t counted = bytes() / size * connections - warm_up;

	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments("\"case\":\"bulk\",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu64
	                  ",\"checksums\":%" PRIu64 ",\"interface\":\"%s\"",
	                  size, connections, station.checksums, station_interfaces[station.interface]);
	station_record(&start, &end, counted);
	printf("net-bulk: %" PRIu64 " messages of %" PRIu64 " bytes, %" PRIu64 " connections: %" PRIu64
	       " ticks each\n",
	       counted, size, connections, (end.ticks - start.ticks) / counted);
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--size",
	         .help = "bytes of a message",
	         .number = &size,
	         .least = 1,
	         .most = SIZE_MAX_MESSAGE},
	        {.name = "--connections",
	         .help = "at the same time",
	         .number = &connections,
	         .least = 1,
	         .most = CONNECTIONS_MAX},
	        {.name = "--messages",
	         .help = "on all connections together",
	         .number = &messages,
	         .least = 1,
	         .most = 100000000},
	        {.name = "--warm-up",
	         .help = "messages before them",
	         .number = &warm_up,
	         .least = 1,
	         .most = 1000000},
	        STATION_ARGUMENTS,
	};

	arguments_parse("net-bulk",
	                "Sends a stream over TCP to net-echo, which it starts and which checks it.", table,
	                sizeof(table) / sizeof(table[0]), argc, argv);
	station_fill(contents, sizeof(contents));
	station_open_client("net-bulk");
	start_server(argv[0]);
	for (uint64_t i = 0; i < connections; i++) {
		all[i].socket = station_connect(NET_TCP, STATION_DISCARD_PORT);
		of[all[i].socket] = &all[i];
	}
	if (station.interface == STATION_BURST)
		run_burst();
	else
		run_calls();
	station_read(&end);
	for (uint64_t i = 0; i < connections; i++)
		net_close(all[i].socket);
	station_finish(NULL);
	report();
	return 0;
}
