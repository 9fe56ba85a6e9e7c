/*
 * What the network programs share: a station is a process with a stack at one end of a wire. A client starts
 * its server, a program of its own, as the other end.
 */
#ifndef NET_STATION_H
#define NET_STATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arguments.h"
#include "common/records.h"
#include "net.h"

#define STATION_CLIENT_ADDRESS 0x0a000001
#define STATION_SERVER_ADDRESS 0x0a000002
#define STATION_ECHO_PORT      7 /* RFC 862 */
#define STATION_DISCARD_PORT   9 /* RFC 863 */

/* What both ends are told: clients hand it on to their servers. */
struct station_options {
	uint64_t checksums, interface, seed, ticks_per_ms;
	uint64_t latency, loss, reorder, reorder_delay, bandwidth;
	uint64_t record; /* bytes that may wait; 0: no recording */
	uint64_t wire;   /* 0: a client chooses */
};

enum { STATION_CALLS, STATION_BURST };

extern struct station_options station;
extern const char *const station_switch[];     /* off, on */
extern const char *const station_interfaces[]; /* calls, burst */

#define STATION_ARGUMENTS                                                                                    \
	{.name = "--checksums",                                                                              \
	 .help = "computed and checked by the stack",                                                        \
	 .number = &station.checksums,                                                                       \
	 .choices = station_switch},                                                                         \
	        {.name = "--interface",                                                                      \
	         .help = "one entrance a call, or for many",                                                 \
	         .number = &station.interface,                                                               \
	         .choices = station_interfaces},                                                             \
	        {.name = "--seed",                                                                           \
	         .help = "of contents, ports and losses",                                                    \
	         .number = &station.seed,                                                                    \
	         .most = 1000000},                                                                           \
	        {.name = "--ticks-per-ms",                                                                   \
	         .help = "for the stack's timers",                                                           \
	         .number = &station.ticks_per_ms,                                                            \
	         .least = 1,                                                                                 \
	         .most = 1000000000},                                                                        \
	        {.name = "--latency",                                                                        \
	         .help = "ticks on the link",                                                                \
	         .number = &station.latency,                                                                 \
	         .most = 1000000000},                                                                        \
	        {.name = "--loss", .help = "lost frames in 10,000", .number = &station.loss, .most = 5000},  \
	        {.name = "--reorder",                                                                        \
	         .help = "late frames in 10,000",                                                            \
	         .number = &station.reorder,                                                                 \
	         .most = 10000},                                                                             \
	        {.name = "--reorder-delay",                                                                  \
	         .help = "ticks that they are late at most",                                                 \
	         .number = &station.reorder_delay,                                                           \
	         .most = 1000000000},                                                                        \
	        {.name = "--bandwidth",                                                                      \
	         .help = "bytes in 1,000 ticks, 0: no limit",                                                \
	         .number = &station.bandwidth,                                                               \
	         .most = 1000000},                                                                           \
	        {.name = "--record",                                                                         \
	         .help = "bytes for recorded frames, which go to /tmp/PROGRAM.pcap",                         \
	         .number = &station.record,                                                                  \
	         .most = 4 << 20},                                                                           \
	{                                                                                                    \
		.name = "--wire", .help = "its name, 0: a new one", .number = &station.wire,                 \
		.most = 1000000000                                                                           \
	}

/* One sentence on stderr, and the end with status 1. */
_Noreturn __attribute__((format(printf, 1, 2))) void station_fail(const char *format, ...);

/*
 * Contents of messages, from the seed, the same on both ends: byte i equals byte i + STATION_PATTERN, so that
 * a stream can be checked wherever it is cut.
 */
#define STATION_PATTERN 4096
void station_fill(char *contents, size_t size);

/* Attaches to the library and opens the stack. `name` is the program's. */
void station_open_client(const char *name);
void station_open_server(const char *name);

/*
 * Starts the server program `name`, in the same folder as this one, argv[0] of which is `self`, with the
 * options of both ends and `more` (NULL-terminated). A program that links the stack directly starts
 * NAME-direct.
 */
void station_start_server(const char *self, const char *name, const char *const *more);

/* Lets the other processes run: there is nothing to do. A client fails when its server has ended. */
void station_wait(void);

/* Keeps the stack working until the server has ended. `farewell`, which may be NULL, is called now and then.
 */
void station_finish(void (*farewell)(void));

/* A socket of that kind, connected to the server, whose number it returns. TCP: once it is connected. */
int station_connect(int kind, uint16_t port);

/* ---- accounts ---------------------------------------------------------------------------------------------
 */

struct station_accounts {
	struct net_statistics library;
	uint64_t ticks;        /* the counter */
	uint64_t user, system; /* of this process, nanoseconds */
	uint64_t clock;        /* nanoseconds */
	uint64_t waits;        /* station_wait() */
};

void station_read(struct station_accounts *accounts);

/*
 * What happened from `start` to `end`, for each of n operations: ticks that passed for all; those of this
 * process in the library, in the application (all other user time, gates too) and in the kernel; entrances,
 * waits (a system call each), bytes copied.
 */
struct station_costs {
	double elapsed, library, application, kernel, entrances, waits, copied;
};

void station_costs(const struct station_accounts *start, const struct station_accounts *end, uint64_t n,
                   struct station_costs *costs);

/* Records them, a metric each. */
void station_record(const struct station_accounts *start, const struct station_accounts *end, uint64_t n);

#endif
