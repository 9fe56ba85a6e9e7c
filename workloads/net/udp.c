/* net-udp: request and response over UDP, a datagram at a time on each socket; what is lost is sent again. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/digest.h"
#include "common/ticks.h"
#include "portcullis/portcullis.h"
#include "station.h"

#define SOCKETS_MAX 64

struct requester {
	int socket;
	uint64_t number;      /* of the request that is under way; the first bytes of its datagram */
	uint64_t began, sent; /* ticks: first, and last time */
	uint64_t digest;
	char datagram[NET_DATAGRAM_MAX];
};

static uint64_t size = 64, sockets = 1, requests = 1000, warm_up = 16, patience = 400000;
static char contents[STATION_PATTERN + NET_DATAGRAM_MAX], answer[NET_DATAGRAM_MAX];
static struct requester all[SOCKETS_MAX], *of[NET_SOCKETS_MAX];
static uint64_t done, again;
static struct histogram latency;
static struct station_accounts start, end;

static uint64_t share(void)
{
	return (requests + warm_up + sockets - 1) / sockets;
}

static bool is_busy(const struct requester *requester)
{
	return requester->number < share();
}

static void prepare(struct requester *requester)
{
	uint64_t place =
	        random_mix(requester->number * SOCKETS_MAX + (uint64_t)(requester - all)) % STATION_PATTERN;

	memcpy(requester->datagram, contents + place, size);
	memcpy(requester->datagram, &requester->number, sizeof(requester->number));
	requester->began = ticks_now();
}

/* True: the datagram answers the request that is under way; older ones were sent twice. */
static bool take(struct requester *requester, const char *data, int64_t count)
{
	uint64_t number;

	if (count < 0 && count != -EAGAIN)
		station_fail("cannot receive: %s", strerror((int)-count));
	if (count < (int64_t)sizeof(number))
		return false;
	memcpy(&number, data, sizeof(number));
	if (number < requester->number || !is_busy(requester))
		return false;
	if ((uint64_t)count != size || memcmp(data, requester->datagram, size))
		station_fail("answer %" PRIu64 " differs from its request", requester->number);
	requester->digest = digest_bytes(requester->digest, data, size);
	if (done >= warm_up)
		histogram_add(&latency, ticks_now() - requester->began);
	requester->number++;
	if (++done == warm_up)
		station_read(&start);
	if (done == share() * sockets)
		station_read(&end);
	if (is_busy(requester))
		prepare(requester);
	return is_busy(requester);
}

/* Has the answer been waited for long enough? */
static bool is_late(const struct requester *requester)
{
	if (!is_busy(requester) || ticks_now() - requester->sent < patience)
		return false;
	again++;
	return true;
}

/* ---- one entrance a call ----------------------------------------------------------------------------------
 */

static void send_one(struct requester *requester)
{
	long count = net_send(requester->socket, requester->datagram, size);

	if (count < 0 && count != -EAGAIN)
		station_fail("cannot send: %s", strerror((int)-count));
	requester->sent = ticks_now();
}

static void run_calls(void)
{
	struct net_event events[SOCKETS_MAX];

	for (uint64_t i = 0; i < sockets; i++)
		send_one(&all[i]);
	while (done < share() * sockets) {
		int count = net_poll(events, SOCKETS_MAX);

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		for (int i = 0; i < count; i++) {
			struct requester *requester = of[events[i].socket];

			if (take(requester, answer, net_receive(requester->socket, answer, sizeof(answer))))
				send_one(requester);
		}
		for (uint64_t i = 0; count == 0 && i < sockets; i++)
			if (is_late(&all[i]))
				send_one(&all[i]);
		if (count == 0)
			station_wait();
	}
}

/* ---- one entrance for many --------------------------------------------------------------------------------
 */

static void add(struct net_burst *burst, struct requester *requester)
{
	burst->sends[burst->send_count++] =
	        (struct net_send){requester->socket, (uint32_t)size, requester->datagram, 0};
	requester->sent = ticks_now();
}

static void run_burst(void)
{
	static struct net_send sends[SOCKETS_MAX];
	static struct net_receipt receipts[SOCKETS_MAX];
	static char pool[4 * NET_DATAGRAM_MAX];
	struct net_burst burst = {.sends = sends,
	                          .receipts = receipts,
	                          .receipt_count = SOCKETS_MAX,
	                          .buffer = pool,
	                          .size = sizeof(pool)};

	for (uint64_t i = 0; i < sockets; i++)
		add(&burst, &all[i]);
	while (done < share() * sockets) {
		int count = net_burst(&burst);

		if (count < 0)
			station_fail("cannot poll: %s", strerror(-count));
		burst.send_count = 0;
		for (int i = 0; i < count; i++)
			if (take(of[receipts[i].socket], pool + receipts[i].offset, receipts[i].result))
				add(&burst, of[receipts[i].socket]);
		for (uint64_t i = 0; count == 0 && i < sockets; i++)
			if (is_late(&all[i]))
				add(&burst, &all[i]);
		if (count == 0 && burst.send_count == 0)
			station_wait();
	}
}

/* ---- the program ------------------------------------------------------------------------------------------
 */

static void start_server(const char *self)
{
	char size_text[24], warm_up_text[24];
	const char *const more[] = {"--size", size_text, "--warm-up", warm_up_text, "--case", "udp", NULL};

	snprintf(size_text, sizeof(size_text), "%" PRIu64, size);
	snprintf(warm_up_text, sizeof(warm_up_text), "%" PRIu64, warm_up);
	station_start_server(self, "net-echo", more);
}

/* An empty datagram ends the server; it may be lost. */
static void farewell(void)
{
	net_send(all[0].socket, answer, 0);
}

static void report(void)
{
	static struct record_source source = {.experiment = "net", .workload = "net-udp"};
	uint64_t total = share() * sockets - warm_up, digest = 0;

	for (uint64_t i = 0; i < sockets; i++)
		digest = digest_word(digest, all[i].digest);
	source.backend = portcullis_backend();
	source.seed = station.seed;
	records_open(&source);
	records_arguments("\"case\":\"udp\",\"bytes\":%" PRIu64 ",\"connections\":%" PRIu64
	                  ",\"checksums\":%" PRIu64 ",\"interface\":\"%s\"",
	                  size, sockets, station.checksums, station_interfaces[station.interface]);
	station_record(&start, &end, total);
	records_histogram("latency", "ticks", &latency);
	printf("net-udp: %" PRIu64 " requests of %" PRIu64 " bytes, %" PRIu64 " sockets: %" PRIu64
	       " ticks each, %" PRIu64 " sent again, digest %016" PRIx64 "\n",
	       total, size, sockets, (end.ticks - start.ticks) / total, again, digest_end(digest));
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--size",
	         .help = "bytes of a datagram",
	         .number = &size,
	         .least = sizeof(uint64_t),
	         .most = NET_DATAGRAM_MAX},
	        {.name = "--connections",
	         .help = "sockets, each with one request at a time",
	         .number = &sockets,
	         .least = 1,
	         .most = SOCKETS_MAX},
	        {.name = "--requests",
	         .help = "on all sockets together",
	         .number = &requests,
	         .least = 1,
	         .most = 100000000},
	        {.name = "--warm-up",
	         .help = "requests before them",
	         .number = &warm_up,
	         .least = 1,
	         .most = 1000000},
	        {.name = "--patience",
	         .help = "ticks until a request is sent again",
	         .number = &patience,
	         .least = 1,
	         .most = 1000000000000},
	        STATION_ARGUMENTS,
	};

	arguments_parse("net-udp",
	                "Sends requests over UDP to net-echo, which it starts, and checks the answers.",
	                table, sizeof(table) / sizeof(table[0]), argc, argv);
	station_fill(contents, sizeof(contents));
	station_open_client("net-udp");
	start_server(argv[0]);
	for (uint64_t i = 0; i < sockets; i++) {
		all[i].socket = station_connect(NET_UDP, STATION_ECHO_PORT);
		of[all[i].socket] = &all[i];
		prepare(&all[i]);
	}
	if (station.interface == STATION_BURST)
		run_burst();
	else
		run_calls();
	station_finish(farewell);
	report();
	return 0;
}
