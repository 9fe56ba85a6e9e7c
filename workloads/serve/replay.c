/* serve-replay: replays recorded sessions, one connection each and one after the other, to serve, which it
 * starts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "net/station.h"
#include "server.h"
#include "session.h"

#define PATIENCE    1000000 /* turns without an answer */
#define PAUSE_TURNS 16
#define ANSWERS_MAX (4u << 20)

static uint64_t store_size = 64 << 20, item_size = SERVER_ITEM_SIZE_MAX;
static struct channel *channel;
static char *answers; /* that have come and were not expected yet */
static size_t answered;
static bool ended;

static void received(struct channel *from, const char *data, size_t size)
{
	(void)from;
	if (size > ANSWERS_MAX - answered)
		station_fail("too many answers");
	memcpy(answers + answered, data, size);
	answered += size;
}

static void ended_by_server(struct channel *from, int error)
{
	ended = true;
	if (!error)
		channel_finish(from);
}

static void closed(struct channel *gone)
{
	(void)gone;
	channel = NULL;
}

static const struct channel_handler handler = {
        .received = received, .ended = ended_by_server, .closed = closed};

static void work(void)
{
	channel_flush();
	if (!channel_turn())
		station_wait();
}

/* A whole line of the answers, without its end; its size, and that it is used up when the next is asked for.
 */
static size_t next_line(const struct session *session, size_t used)
{
	unsigned turns = 0;
	char *end;

	answered -= used;
	memmove(answers, answers + used, answered);
	while (!(end = memchr(answers, '\n', answered))) {
		if (ended || turns++ == PATIENCE)
			station_fail("%s:%u: no answer: %s", session->path, session->line,
			             ended ? "the connection has ended" : "none has come");
		work();
	}
	if (end == answers || end[-1] != '\r')
		station_fail("%s:%u: a line of the answers has another end", session->path, session->line);
	return (size_t)(end - 1 - answers);
}

static void expect(const struct session *session, size_t *used)
{
	size_t size = next_line(session, *used), expected = session->size;
	bool open = expected > 0 && session->data[expected - 1] == '*';

	expected -= open;
	if ((open ? size < expected : size != expected) || memcmp(answers, session->data, expected))
		station_fail("%s:%u: the answer is %.*s", session->path, session->line,
		             size < 200 ? (int)size : 200, answers);
	*used = size + 2;
}

static void expect_end(const struct session *session)
{
	for (unsigned turns = 0; !ended; turns++) {
		if (turns == PATIENCE)
			station_fail("%s:%u: the connection goes on", session->path, session->line);
		work();
	}
}

static void replay(const char *path)
{
	struct session session;
	enum step step;
	size_t used = 0;

	session_open(&session, path);
	channel = channel_connect(SERVER_PORT);
	ended = false;
	answered = 0;
	while ((step = session_next(&session)) != STEP_END && step != STEP_RESET) {
		if (step == STEP_SEND && channel)
			channel_write(channel, session.data, session.size);
		else if (step == STEP_EXPECT)
			expect(&session, &used);
		else if (step == STEP_CLOSED)
			expect_end(&session);
		for (unsigned i = 0; step == STEP_PAUSE && i < PAUSE_TURNS; i++)
			work();
	}
	if (step == STEP_END && answered > used)
		station_fail("%s: %zu bytes of answers are left", path, answered - used);
	if (step == STEP_RESET && channel)
		channel_reset(channel);
	else if (channel)
		channel_finish(channel);
	while (channel)
		work();
	session_close(&session);
	printf("serve-replay: %s: %u lines\n", path, session.line);
}

static unsigned sessions_cut(char **paths, unsigned count)
{
	unsigned cut = 0;

	for (unsigned i = 0; i < count; i++) {
		struct session session;
		enum step step;

		session_open(&session, paths[i]);
		while ((step = session_next(&session)) != STEP_END)
			cut += step == STEP_RESET;
		session_close(&session);
	}
	return cut;
}

static void start_server(const char *self, unsigned connections)
{
	char connections_text[24], store_text[24], item_text[24];
	const char *const more[] = {"--connections", connections_text, "--store", store_text,
	                            "--item",        item_text,        NULL};

	snprintf(connections_text, sizeof(connections_text), "%u", connections);
	snprintf(store_text, sizeof(store_text), "%" PRIu64, store_size);
	snprintf(item_text, sizeof(item_text), "%" PRIu64, item_size);
	station_start_server(self, "serve", more);
}

int main(int argc, char **argv)
{
	const struct argument table[] = {
	        {.name = "--store",
	         .help = "bytes of the server's store",
	         .number = &store_size,
	         .least = 256 << 10,
	         .most = 1 << 30},
	        {.name = "--item",
	         .help = "bytes of its largest item",
	         .number = &item_size,
	         .least = 1,
	         .most = 64 << 20},
	        STATION_ARGUMENTS,
	};
	char *self = argv[0];
	unsigned count = 0;

	for (; count + 1 < (unsigned)argc && argv[count + 1][0] != '-'; count++)
		argv[count] = argv[count + 1];
	argv[count] = self;
	arguments_parse(
	        "serve-replay",
	        "Replays sessions, files that are named before all options, to serve, which it starts.",
	        table, sizeof(table) / sizeof(table[0]), argc - (int)count, argv + count);
	answers = malloc(ANSWERS_MAX);
	if (!answers)
		station_fail("out of memory");
	station_open_client("serve-replay");
	if (!count)
		station_fail("no session to replay");
	start_server(self, count - sessions_cut(argv, count));
	channel_start(&handler);
	for (unsigned i = 0; i < count; i++)
		replay(argv[i]);
	station_finish(NULL);
	return 0;
}
