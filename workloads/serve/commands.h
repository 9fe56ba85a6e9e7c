/* What each command does to the store, and what it answers. */
#ifndef SERVE_COMMANDS_H
#define SERVE_COMMANDS_H

#include "channel.h"
#include "protocol.h"

/* Limits that the server was started with, for `stats`. */
void commands_open(size_t store_size, size_t data_max);

/* How many have been executed: a get of several keys is one. */
uint64_t commands_count(void);

/* A line of the answer; without `quiet` alone. */
void commands_answer(struct channel *channel, bool quiet, const char *line);

/* A command that is no get, with the data that came behind it. */
void commands_execute(struct channel *channel, const struct command *command, const char *data);

/* A data block that is too large: the item's old value is no longer what its client wants. */
void commands_refuse(struct channel *channel, const struct command *command);

/*
 * get and gets: begins to read, answers for a key, and ends the command. Between keys it may be interrupted
 * by commands_pause_get(). False: the command has failed, its answer is written.
 */
bool commands_begin_get(struct channel *channel);
bool commands_get_key(struct channel *channel, enum verb verb, struct token key);
void commands_pause_get(void);
void commands_end_get(struct channel *channel);

/* A connection came (1) or went (-1). */
void commands_connections(int change);

#endif
