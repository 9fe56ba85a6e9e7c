/*
 * net-echo: the server of the network programs. It echoes what arrives at TCP and UDP port 7, discards what
 * arrives at TCP port 9, and ends when as many connections have been closed as it was told; or with an empty
 * datagram.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "portcullis/portcullis.h"
#include "station.h"

#define BUFFER_SIZE 65536

/* Of a TCP connection: what was received and could not be sent back yet. */
struct connection {
	bool discards;
	uint64_t received; /* bytes that were discarded */
	size_t start, end; /* in data */
	char *data;        /* NULL until it is needed */
};

static uint64_t connections = 1, size = 64, warm_up = 16, stream;
static char pattern[STATION_PATTERN + BUFFER_SIZE];
static struct connection *of[NET_SOCKETS_MAX];
static int echo, discard, datagrams;
static uint64_t closed, received;
static bool finished;
static struct station_accounts start, end;
static char buffer[BUFFER_SIZE];

static int check(long result, const char *what)
{
	if (result < 0)
		station_fail("%s: %s", what, strerror((int)-result));
	return (int)result;
}

static void open_sockets(void)
{
	echo = check(net_socket(NET_TCP), "no socket");
	check(net_bind(echo, STATION_ECHO_PORT), "cannot bind");
	check(net_listen(echo, 255), "cannot listen");
	discard = check(net_socket(NET_TCP), "no socket");
	check(net_bind(discard, STATION_DISCARD_PORT), "cannot bind");
	check(net_listen(discard, 255), "cannot listen");
	datagrams = check(net_socket(NET_UDP), "no socket");
	check(net_bind(datagrams, STATION_ECHO_PORT), "cannot bind");
}

static void accept_all(int listener)
{
	int socket;

	while ((socket = net_accept(listener)) >= 0) {
		of[socket] = calloc(1, sizeof(*of[socket]));
		if (!of[socket])
			station_fail("out of memory");
		of[socket]->discards = listener == discard;
	}
}

/* Accounts start after the first requests, and end with the last one that is complete. */
static void count_bytes(size_t count)
{
	uint64_t before = received / size, after;
	bool first = received == 0;

	received += count;
	after = received / size;
	if (first || (before < warm_up && after >= warm_up))
		station_read(&start);
}

/* A stream at the discard port is the pattern, over and over. */
static void check_stream(struct connection *connection, const char *data, size_t count)
{
	if (memcmp(data, pattern + connection->received % STATION_PATTERN, count))
		station_fail("the stream is damaged behind byte %" PRIu64, connection->received);
	connection->received += count;
}

/* A connection that was cut does not count: the server goes on without it. */
static void drop(int socket, bool orderly)
{
	if (orderly && of[socket]->discards && of[socket]->received != stream)
		station_fail("%" PRIu64 " bytes have arrived, not %" PRIu64, of[socket]->received, stream);
	if (orderly && ++closed == 1)
		station_read(&end);
	finished = closed == connections;
	net_close(socket);
	free(of[socket]->data);
	free(of[socket]);
	of[socket] = NULL;
}

static void keep(struct connection *connection, const char *data, size_t count)
{
	if (!connection->data)
		connection->data = malloc(BUFFER_SIZE);
	if (!connection->data)
		station_fail("out of memory");
	memmove(connection->data, data, count);
	connection->start = 0;
	connection->end = count;
}

/* Sends back what waits. False: it still waits. */
static bool flush(int socket, struct connection *connection)
{
	while (connection->start < connection->end) {
		long sent = net_send(socket, connection->data + connection->start,
		                     connection->end - connection->start);

		if (sent < 0)
			return false;
		connection->start += (size_t)sent;
	}
	return true;
}

static void send_back(int socket, struct connection *connection, const char *data, size_t count)
{
	long sent;

	if (connection->discards) {
		check_stream(connection, data, count);
		return;
	}
	sent = net_send(socket, data, count);
	if (sent < (long)count)
		keep(connection, data + (sent > 0 ? sent : 0), count - (size_t)(sent > 0 ? sent : 0));
}

static void serve(int socket)
{
	struct connection *connection = of[socket];
	long count;

	if (!connection || !flush(socket, connection))
		return;
	do {
		count = net_receive(socket, buffer, sizeof(buffer));
		if (count > 0) {
			count_bytes((size_t)count);
			send_back(socket, connection, buffer, (size_t)count);
		}
	} while (count == sizeof(buffer) && connection->start == connection->end);
	if (count == 0 || (count < 0 && count != -EAGAIN))
		drop(socket, count == 0);
}

static void serve_datagrams(void)
{
	struct net_peer peer;
	long count;

	while ((count = net_receive_from(datagrams, buffer, sizeof(buffer), &peer)) > 0) {
		count_bytes((size_t)count);
		net_send_to(datagrams, buffer, (size_t)count, peer.address, peer.port);
	}
	if (count == 0 && !finished) {
		finished = true;
		station_read(&end);
	}
}

static void handle(int socket)
{
	if (socket == echo || socket == discard)
		accept_all(socket);
	else if (socket == datagrams)
		serve_datagrams();
	else
		serve(socket);
}

/* ---- one entrance a call ----------------------------------------------------------------------------------
 */

static void run_calls(void)
{
	struct net_event events[64];

	while (!finished) {
		int count = net_poll(events, 64);

		if (count == -ENETDOWN)
			station_fail("the client is gone");
		check(count, "cannot poll");
		for (int i = 0; i < count; i++)
			handle(events[i].socket);
		if (count == 0)
			station_wait();
	}
}

/* ---- one entrance for many --------------------------------------------------------------------------------
 */

static struct net_receipt receipts[NET_BURST_MAX];
static struct net_send sends[NET_BURST_MAX];
static char pool[2][16 * BUFFER_SIZE]; /* what was received last, and what is being sent from before */

/* What the last burst could not send is sent as the calls do. */
static void keep_unsent(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		size_t sent = sends[i].result > 0 ? (size_t)sends[i].result : 0;

		if (sent < sends[i].size && of[sends[i].socket])
			keep(of[sends[i].socket], (const char *)sends[i].data + sent, sends[i].size - sent);
	}
}

static unsigned answer(const struct net_receipt *receipt, const char *data, unsigned count)
{
	struct connection *connection = of[receipt->socket];

	if (!connection || connection->start < connection->end || !(receipt->what & NET_READABLE)) {
		handle(receipt->socket);
	} else if (receipt->result > 0) {
		count_bytes((size_t)receipt->result);
		if (connection->discards)
			check_stream(connection, data + receipt->offset, (size_t)receipt->result);
		else
			sends[count++] = (struct net_send){receipt->socket, (uint32_t)receipt->result,
			                                   data + receipt->offset, 0};
	} else {
		drop(receipt->socket, receipt->result == 0);
	}
	return count;
}

static void run_burst(void)
{
	struct net_burst burst = {.sends = sends, .receipts = receipts, .receipt_count = NET_BURST_MAX};

	for (unsigned turn = 0; !finished; turn = !turn) {
		int count;

		burst.buffer = pool[turn];
		burst.size = BUFFER_SIZE; /* so that what is received can be kept */
		count = net_burst(&burst);
		if (count == -ENETDOWN)
			station_fail("the client is gone");
		check(count, "cannot poll");
		keep_unsent(burst.send_count);
		burst.send_count = 0;
		for (int i = 0; i < count; i++)
			burst.send_count = answer(&receipts[i], pool[turn], burst.send_count);
		if (count == 0)
			station_wait();
	}
}

static void report(const char *kind)
{
	static struct record_source source = {.experiment = "net", .workload = "net-echo"};
	uint64_t requests = received / size;

	if (requests <= warm_up)
		return;
	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments(
	        "\"case\":\"%s\",\"bytes\":%lu,\"connections\":%lu,\"checksums\":%lu,\"interface\":\"%s\"",
	        kind, (unsigned long)size, (unsigned long)connections, (unsigned long)station.checksums,
	        station_interfaces[station.interface]);
	station_record(&start, &end, requests - warm_up);
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"rr", "bulk", "udp", NULL};
	uint64_t kind = 0;
	const struct argument table[] = {
	        {.name = "--connections",
	         .help = "after the end of which it ends",
	         .number = &connections,
	         .least = 1,
	         .most = 64},
	        {.name = "--size",
	         .help = "bytes of a request",
	         .number = &size,
	         .least = 1,
	         .most = BUFFER_SIZE},
	        {.name = "--warm-up",
	         .help = "requests before the accounts start",
	         .number = &warm_up,
	         .most = 1000000},
	        {.name = "--stream",
	         .help = "bytes that each connection to the discard port brings",
	         .number = &stream,
	         .most = UINT64_MAX},
	        {.name = "--case", .help = "for the records", .number = &kind, .choices = kinds},
	        STATION_ARGUMENTS,
	};

	arguments_parse("net-echo", "Echoes and discards, for net-rr, net-bulk and net-udp, which start it.",
	                table, sizeof(table) / sizeof(table[0]), argc, argv);
	station_fill(pattern, sizeof(pattern));
	station_open_server("net-echo");
	open_sockets();
	if (station.interface == STATION_BURST)
		run_burst();
	else
		run_calls();
	report(kinds[kind]);
	return 0;
}
