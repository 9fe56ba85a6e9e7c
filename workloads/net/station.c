#include "station.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/random.h"
#include "common/ticks.h"
#include "portcullis/portcullis.h"

#define ARGUMENTS_MAX 64
#define PATIENCE      64 /* waits between two looks at the server */

struct station_options station = {.checksums = 1, .seed = 1, .ticks_per_ms = 20000, .reorder_delay = 50000};
const char *const station_switch[] = {"off", "on", NULL};
const char *const station_interfaces[] = {"calls", "burst", NULL};

static const char *program = "net";
static pid_t server;
static uint64_t waits;
static FILE *recording;

_Noreturn void station_fail(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s: ", program);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	if (server > 0)
		kill(server, SIGKILL);
	exit(1);
}

void station_fill(char *contents, size_t size)
{
	struct random random;

	random_seed(&random, station.seed);
	for (size_t i = 0; i < size; i++)
		contents[i] =
		        i < STATION_PATTERN ? (char)random_next(&random) : contents[i - STATION_PATTERN];
}

/* ---- opening ----------------------------------------------------------------------------------------------
 */

static void open_recording(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/%s.pcap", program);
	recording = fopen(path, "w");
	if (!recording)
		station_fail("cannot write %s: %s", path, strerror(errno));
}

static void open_stack(uint32_t end, uint32_t address)
{
	const struct net_configuration configuration = {
	        .wire = station.wire,
	        .end = end,
	        .address = address,
	        .ticks_per_ms = station.ticks_per_ms,
	        .checksums = (uint32_t)station.checksums,
	        .record = (uint32_t)station.record,
	        .seed = station.seed,
	        .latency = station.latency,
	        .reorder_delay = station.reorder_delay,
	        .loss = (uint32_t)station.loss,
	        .reorder = (uint32_t)station.reorder,
	        .bandwidth = (uint32_t)station.bandwidth,
	};
	int error;

	if (portcullis_attach("lwip", PORTCULLIS_PRIVATE))
		station_fail("%s", portcullis_error());
	error = net_open(&configuration);
	if (error)
		station_fail("cannot open the stack: %s", strerror(-error));
}

void station_open_client(const char *name)
{
	program = name;
	if (!station.wire)
		station.wire = (uint64_t)getpid();
	if (station.record)
		open_recording();
	open_stack(0, STATION_CLIENT_ADDRESS);
}

void station_open_server(const char *name)
{
	program = name;
	station.record = 0; /* the client records both directions */
	open_stack(1, STATION_SERVER_ADDRESS);
}

/* ---- the server -------------------------------------------------------------------------------------------
 */

struct words {
	char *at[ARGUMENTS_MAX + 1];
	unsigned count;
};

static void add(struct words *words, const char *text)
{
	if (words->count == ARGUMENTS_MAX)
		station_fail("too many arguments for the server");
	words->at[words->count++] = strdup(text);
}

static void add_number(struct words *words, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	add(words, name);
	add(words, text);
}

static void add_choice(struct words *words, const char *name, const char *const *choices, uint64_t choice)
{
	add(words, name);
	add(words, choices[choice]);
}

static void add_options(struct words *words)
{
	add_choice(words, "--checksums", station_switch, station.checksums);
	add_choice(words, "--interface", station_interfaces, station.interface);
	add_number(words, "--seed", station.seed);
	add_number(words, "--ticks-per-ms", station.ticks_per_ms);
	add_number(words, "--latency", station.latency);
	add_number(words, "--loss", station.loss);
	add_number(words, "--reorder", station.reorder);
	add_number(words, "--reorder-delay", station.reorder_delay);
	add_number(words, "--bandwidth", station.bandwidth);
	add_number(words, "--wire", station.wire);
}

void station_start_server(const char *self, const char *name, const char *const *more)
{
	const char *slash = strrchr(self, '/');
	bool direct = strcmp(portcullis_backend(), "direct") == 0;
	struct words words = {.count = 0};
	char path[256];

	snprintf(path, sizeof(path), "%.*s%s%s", slash ? (int)(slash + 1 - self) : 0, self, name,
	         direct ? "-direct" : "");
	add(&words, path);
	add_options(&words);
	while (*more)
		add(&words, *more++);
	server = fork();
	if (server < 0)
		station_fail("cannot start the server: %s", strerror(errno));
	if (server > 0)
		return;
	execv(path, words.at);
	fprintf(stderr, "%s: cannot execute %s: %s\n", program, path, strerror(errno));
	_exit(1);
}

/* Has the server ended? If it failed, so does this program. */
static bool server_has_ended(void)
{
	int status;

	if (server <= 0 || waitpid(server, &status, WNOHANG) != server)
		return false;
	server = 0;
	if (WIFSIGNALED(status))
		station_fail("the server was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		station_fail("the server ended with status %d", WEXITSTATUS(status));
	return true;
}

/* ---- work -------------------------------------------------------------------------------------------------
 */

static void drain_recording(void)
{
	static char piece[16384];
	long size;

	while ((size = net_recorded(piece, sizeof(piece))) > 0)
		if (fwrite(piece, 1, (size_t)size, recording) != (size_t)size)
			station_fail("cannot write the recording: %s", strerror(errno));
}

void station_wait(void)
{
	if (++waits % PATIENCE == 0 && server_has_ended())
		station_fail("the server ended too early");
	if (recording)
		drain_recording();
	sched_yield();
}

void station_finish(void (*farewell)(void))
{
	struct net_event events[16];

	for (unsigned i = 0; !server_has_ended(); i++) {
		if (farewell && i % PATIENCE == 0)
			farewell();
		net_poll(events, 16);
		sched_yield();
	}
	if (recording) {
		drain_recording();
		fclose(recording);
	}
}

int station_connect(int kind, uint16_t port)
{
	int socket = net_socket(kind), error;
	struct net_event event;

	if (socket < 0)
		station_fail("no socket: %s", strerror(-socket));
	error = net_connect(socket, STATION_SERVER_ADDRESS, port);
	if (error)
		station_fail("cannot connect: %s", strerror(-error));
	while (kind == NET_TCP) {
		int count = net_poll(&event, 1);

		if (count < 0)
			station_fail("cannot connect: %s", strerror(-count));
		if (count == 0) {
			station_wait();
			continue;
		}
		if (event.socket != socket)
			continue;
		if (event.what & NET_FAILED)
			station_fail("cannot connect: %s", strerror((int)-net_receive(socket, &event, 1)));
		break;
	}
	return socket;
}

/* ---- accounts ---------------------------------------------------------------------------------------------
 */

static uint64_t nanoseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

void station_read(struct station_accounts *accounts)
{
	struct timespec now;
	struct rusage usage;

	net_statistics(&accounts->library);
	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &usage);
	accounts->clock = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	accounts->user = nanoseconds(usage.ru_utime);
	accounts->system = nanoseconds(usage.ru_stime);
	accounts->waits = waits;
	accounts->ticks = ticks_now();
}

void station_costs(const struct station_accounts *start, const struct station_accounts *end, uint64_t n,
                   struct station_costs *costs)
{
	double ticks = (double)(end->ticks - start->ticks), each = 1.0 / (double)n;
	double per_nanosecond = end->clock > start->clock ? ticks / (double)(end->clock - start->clock) : 0;
	double library = (double)(end->library.ticks - start->library.ticks);
	double user = (double)(end->user - start->user) * per_nanosecond;
	uint64_t copied = end->library.copied_in - start->library.copied_in + end->library.copied_out -
	                  start->library.copied_out;

	*costs = (struct station_costs){
	        .elapsed = ticks * each,
	        .library = library * each,
	        .application = (user - library) * each,
	        .kernel = (double)(end->system - start->system) * per_nanosecond * each,
	        .entrances = (double)(end->library.entrances - start->library.entrances) * each,
	        .waits = (double)(end->waits - start->waits) * each,
	        .copied = (double)copied * each,
	};
}

void station_record(const struct station_accounts *start, const struct station_accounts *end, uint64_t n)
{
	struct station_costs costs;

	station_costs(start, end, n, &costs);
	records_number("elapsed", "ticks", costs.elapsed, n);
	records_number("library", "ticks", costs.library, n);
	records_number("application", "ticks", costs.application, n);
	records_number("kernel", "ticks", costs.kernel, n);
	records_number("entrances", "entrances", costs.entrances, n);
	records_number("waits", "system calls", costs.waits, n);
	records_number("copied", "bytes", costs.copied, n);
}
