/*
 * Channels: TCP connections of a program that is driven by what arrives. The stack is used by its calls or in
 * bursts, as the program was told (--interface); who uses a channel does not see which.
 */
#ifndef SERVE_CHANNEL_H
#define SERVE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHANNEL_BURST (64u << 10) /* bytes that are received at once, at most */

struct channel {
	int socket;
	void *owner;
	bool ended;      /* nothing more will be received */
	bool finishing;  /* channel_finish() */
	bool failed;     /* the connection was lost, or cut */
	bool queued;     /* waits for channel_flush() or the next turn */
	bool unreceived; /* data may wait in the stack */
	char *out;       /* what was written: from out_start to out_end is not sent yet */
	size_t out_start, out_end, out_capacity;
};

/* What the program does with its channels. */
struct channel_handler {
	void (*accepted)(struct channel *channel); /* NULL: nothing listens */
	void (*received)(struct channel *channel, const char *data, size_t size);
	/* All that was written is sent: there may be more. NULL: there never is. */
	void (*drained)(struct channel *channel);
	/* The other side sends no more (0): channel_finish() is due some time. Or the connection is gone
	 * (-errno), and the channel will be closed. */
	void (*ended)(struct channel *channel, int error);
	void (*closed)(struct channel *channel); /* behind this call it is gone */
	bool holds_back; /* nothing is received while something written waits; in bursts it may be */
};

void channel_start(const struct channel_handler *handler);

void channel_listen(uint16_t port);
struct channel *channel_connect(uint16_t port);

/* Queues a copy of the data. */
void channel_write(struct channel *channel, const void *data, size_t size);

static inline size_t channel_waiting(const struct channel *channel)
{
	return channel->out_end - channel->out_start;
}

/* Sends what was written outside of the handler's functions. In bursts: with the next turn. */
void channel_flush(void);

/* Ends the channel once what was written is sent; it receives no more. */
void channel_finish(struct channel *channel);

/* Cuts the connection: it is gone with this call. */
void channel_reset(struct channel *channel);

/*
 * Lets the stack work and handles what happened. False: nothing did. -ENETDOWN from the stack, the other end
 * of the wire is gone, ends the program with a sentence.
 */
bool channel_turn(void);

/* Ticks in calls of the stack, gates included. */
extern uint64_t channel_ticks;

#endif
