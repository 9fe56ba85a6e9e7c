/*
 * What a client sends on one connection, cut into commands, which may come in any number of pieces and many
 * at once.
 */
#ifndef SERVE_CONNECTION_H
#define SERVE_CONNECTION_H

#include "channel.h"

struct connection;

/* For data blocks of at most `data_max` bytes. */
void connection_limit(size_t data_max);

/* Of a channel that was just accepted. NULL: out of memory. */
struct connection *connection_new(struct channel *channel);
void connection_free(struct connection *connection);

/*
 * Takes the bytes and executes what is complete, as long as answers do not pile up. A client that sends on
 * without reading its answers is cut off: the channel is gone then, and the connection with it, and the
 * result is false.
 */
bool connection_feed(struct connection *connection, const char *data, size_t size);

/* Answers have been sent: goes on with what was put off. */
void connection_resume(struct connection *connection);

/* The client sends no more: the channel is finished when everything is answered. */
void connection_end(struct connection *connection);

#endif
