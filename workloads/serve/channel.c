#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/ticks.h"
#include "net/station.h"

#define BACKLOG 255
#define OUT_MIN 4096

uint64_t channel_ticks;

static const struct channel_handler *handler;
static struct channel *of[NET_SOCKETS_MAX];
static struct channel *queue[NET_SOCKETS_MAX];
static unsigned queued;
static int listener = -1;

/* The stack's call, with its ticks counted. */
#define INSIDE(call)                                                                                         \
	({                                                                                                   \
		uint64_t began = ticks_now();                                                                \
		__typeof__(call) result = (call);                                                            \
                                                                                                             \
		channel_ticks += ticks_now() - began;                                                        \
		result;                                                                                      \
	})

void channel_start(const struct channel_handler *with)
{
	handler = with;
}

static struct channel *new_channel(int socket)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		station_fail("out of memory");
	channel->socket = socket;
	return of[socket] = channel;
}

void channel_listen(uint16_t port)
{
	listener = net_socket(NET_TCP);
	if (listener < 0)
		station_fail("no socket: %s", strerror(-listener));
	if (net_bind(listener, port) || net_listen(listener, BACKLOG))
		station_fail("cannot listen at port %u", port);
}

struct channel *channel_connect(uint16_t port)
{
	return new_channel(station_connect(NET_TCP, port));
}

static void forget(struct channel *channel)
{
	for (unsigned i = 0; channel->queued && i < queued; i++)
		if (queue[i] == channel)
			queue[i] = NULL;
	handler->closed(channel);
	of[channel->socket] = NULL;
	free(channel->out);
	free(channel);
}

void channel_reset(struct channel *channel)
{
	INSIDE(net_reset(channel->socket));
	channel->failed = true;
	forget(channel);
}

static void close_channel(struct channel *channel)
{
	INSIDE(net_close(channel->socket));
	forget(channel);
}

/* ---- sending ----------------------------------------------------------------------------------------------
 */

static void enqueue(struct channel *channel)
{
	if (channel->queued)
		return;
	channel->queued = true;
	queue[queued++] = channel;
}

/* Room behind what waits, which may move to the front for it. */
static void make_room(struct channel *channel, size_t size)
{
	size_t waiting = channel_waiting(channel), capacity = channel->out_capacity;

	memmove(channel->out, channel->out + channel->out_start, waiting);
	channel->out_start = 0;
	channel->out_end = waiting;
	if (capacity < OUT_MIN)
		capacity = OUT_MIN;
	while (capacity - waiting < size)
		capacity *= 2;
	if (capacity == channel->out_capacity)
		return;
	channel->out = realloc(channel->out, capacity);
	if (!channel->out)
		station_fail("out of memory");
	channel->out_capacity = capacity;
}

void channel_write(struct channel *channel, const void *data, size_t size)
{
	if (channel->out_capacity - channel->out_end < size)
		make_room(channel, size);
	memcpy(channel->out + channel->out_end, data, size);
	channel->out_end += size;
	enqueue(channel);
}

/* The stack has taken `count` bytes, or returned an error: that the connection is gone, an event will tell.
 */
static void sent(struct channel *channel, int64_t count)
{
	if (count > 0)
		channel->out_start += (size_t)count;
	else if (count != -EAGAIN)
		channel->out_start = channel->out_end;
	if (channel->out_start == channel->out_end)
		channel->out_start = channel->out_end = 0;
}

/* Is there something to send? If not the handler is asked for more, and a channel that finishes is closed. */
static bool refill(struct channel *channel)
{
	if (!channel_waiting(channel) && !channel->finishing && handler->drained)
		handler->drained(channel);
	if (channel_waiting(channel))
		return true;
	if (channel->finishing)
		close_channel(channel);
	return false;
}

/* Until all is sent, or the stack has no more room. The channel may be gone. */
static void send_waiting(struct channel *channel)
{
	while (refill(channel)) {
		size_t waiting = channel_waiting(channel);
		long count = INSIDE(net_send(channel->socket, channel->out + channel->out_start, waiting));

		sent(channel, count);
		if (count == -EAGAIN || (count >= 0 && (size_t)count < waiting))
			return;
	}
}

void channel_flush(void)
{
	if (station.interface == STATION_BURST)
		return;
	for (unsigned i = 0; i < queued; i++) {
		if (queue[i])
			send_waiting(queue[i]);
		if (queue[i])
			queue[i]->queued = false;
	}
	queued = 0;
}

void channel_finish(struct channel *channel)
{
	channel->ended = channel->finishing = true;
	enqueue(channel);
}

/* ---- receiving --------------------------------------------------------------------------------------------
 */

static void end(struct channel *channel, int error)
{
	channel->ended = true;
	channel->failed = error != 0;
	handler->ended(channel, error);
	if (error)
		close_channel(channel);
}

/* The connection is gone. */
static void fail(struct channel *channel)
{
	char nothing;

	if (channel->ended)
		close_channel(channel);
	else
		end(channel, (int)INSIDE(net_receive(channel->socket, &nothing, 1)));
}

static void accept_all(void)
{
	int socket;

	while ((socket = INSIDE(net_accept(listener))) >= 0)
		handler->accepted(new_channel(socket));
}

/* ---- one entrance a call ----------------------------------------------------------------------------------
 */

/* What has arrived, as far as the handler wants it now; and what it answers. */
static void receive_calls(struct channel *channel)
{
	static char data[CHANNEL_BURST];
	int socket = channel->socket;
	long count;

	do {
		channel->unreceived = handler->holds_back && channel_waiting(channel);
		if (channel->unreceived)
			return;
		count = INSIDE(net_receive(socket, data, sizeof(data)));
		if (count > 0)
			handler->received(channel, data, (size_t)count);
		else if (count != -EAGAIN)
			end(channel, (int)count);
		channel_flush();
	} while (count == sizeof(data) && of[socket] == channel && !channel->ended);
}

static void handle_event(const struct net_event *event)
{
	struct channel *channel = of[event->socket];
	bool unreceived;

	if (event->socket == listener) {
		accept_all();
		return;
	}
	if (!channel)
		return;
	if (event->what & NET_FAILED) {
		fail(channel);
		return;
	}
	unreceived = channel->unreceived;
	if (event->what & NET_WRITABLE)
		send_waiting(channel);
	if (of[event->socket] == channel && !channel->ended && (unreceived || event->what & NET_READABLE))
		receive_calls(channel);
}

static bool turn_calls(void)
{
	struct net_event events[64];
	int count;

	channel_flush();
	count = INSIDE(net_poll(events, 64));
	if (count < 0)
		station_fail("cannot poll: %s", strerror(-count));
	for (int i = 0; i < count; i++)
		handle_event(&events[i]);
	return count > 0;
}

/* ---- one entrance for many --------------------------------------------------------------------------------
 */

static unsigned gather(struct net_send *sends)
{
	unsigned count = 0;

	for (unsigned i = 0; i < queued; i++) {
		if (queue[i] && refill(queue[i]))
			sends[count++] =
			        (struct net_send){queue[i]->socket, (uint32_t)channel_waiting(queue[i]),
			                          queue[i]->out + queue[i]->out_start, 0};
		if (queue[i])
			queue[i]->queued = false;
	}
	queued = 0;
	return count;
}

/* What is left of a channel's data waits for NET_WRITABLE. */
static void take_results(const struct net_send *sends, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct channel *channel = of[sends[i].socket];

		sent(channel, sends[i].result);
		if (!channel_waiting(channel) && refill(channel))
			enqueue(channel);
	}
}

static void handle_receipt(const struct net_receipt *receipt, const char *data)
{
	struct channel *channel = of[receipt->socket];

	if (receipt->socket == listener) {
		accept_all();
		return;
	}
	if (!channel)
		return;
	if (receipt->what & NET_WRITABLE && channel_waiting(channel))
		enqueue(channel);
	if (receipt->what & NET_FAILED)
		fail(channel);
	else if (!(receipt->what & NET_READABLE) || channel->ended)
		return;
	else if (receipt->result > 0)
		handler->received(channel, data + receipt->offset, (size_t)receipt->result);
	else if (receipt->result != -EAGAIN)
		end(channel, (int)receipt->result);
}

static bool turn_burst(void)
{
	static struct net_send sends[NET_BURST_MAX];
	static struct net_receipt receipts[NET_BURST_MAX];
	static char data[4 * CHANNEL_BURST];
	struct net_burst burst = {.sends = sends,
	                          .receipts = receipts,
	                          .receipt_count = NET_BURST_MAX,
	                          .buffer = data,
	                          .size = sizeof(data)};
	int count;

	burst.send_count = gather(sends);
	count = INSIDE(net_burst(&burst));
	if (count < 0)
		station_fail("cannot poll: %s", strerror(-count));
	take_results(sends, burst.send_count);
	for (int i = 0; i < count; i++)
		handle_receipt(&receipts[i], data);
	return count > 0 || queued > 0;
}

bool channel_turn(void)
{
	return station.interface == STATION_BURST ? turn_burst() : turn_calls();
}
