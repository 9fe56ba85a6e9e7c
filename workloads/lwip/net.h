/*
 * A network stack, lwIP, as a polled library: sockets for TCP and UDP over IPv4. Nothing happens by itself:
 * net_poll() and net_burst() let the stack take what has arrived and run its timers.
 *
 * A process has one stack, opened on one end of a wire (workloads/wire): net_open(). No call blocks. All
 * return a value of 0 or more, or -errno; besides those named,
 *
 *     -ENODEV  the stack is not open            -EBADF   no such socket
 *     -EFAULT  memory that is not the caller's  -EINVAL  an argument out of range, or wrong in this state
 *
 * Addresses are host byte order: 10.0.0.1 is 0x0a000001.
 */
#ifndef LWIP_NET_H
#define LWIP_NET_H

#include <stddef.h>
#include <stdint.h>

#define NET_SOCKETS_MAX  256
#define NET_EVENTS_MAX   256 /* of one call */
#define NET_BURST_MAX    256 /* sends, and receipts, of one net_burst() */
#define NET_SEND_MAX     0x40000000
#define NET_DATAGRAM_MAX 65507 /* RFC 768 over RFC 791 */

/* ---- the stack --------------------------------------------------------------------------------------------
 */

struct net_configuration {
	uint64_t wire;    /* its name: any number */
	uint32_t end;     /* of the wire: 0 or 1 */
	uint32_t address; /* of this host; hosts in the same /24 are reached */

	uint64_t ticks_per_ms; /* of the time-stamp counter, for the stack's timers; 1 to 10^9 */
	uint32_t checksums; /* 1: the stack computes and checks those of IP, TCP and UDP; 0: a device would */
	uint32_t record; /* bytes of recorded frames that may wait for net_recorded(); 0: nothing is recorded
	                  */
	uint64_t seed;   /* of port numbers and of the link's choices */

	/* How the link treats what arrives at this end (wire/wire.h). */
	uint64_t latency, reorder_delay; /* ticks */
	uint32_t loss, reorder;          /* frames in 10,000 */
	uint32_t bandwidth;              /* bytes in 1,000 ticks; 0: no limit */
	uint32_t unused;
};

/* Opens the stack. -EBUSY (it is, or that end of the wire is taken), -ENOMEM, -ENOSPC (too many wires). */
int net_open(const struct net_configuration *configuration);

struct net_statistics {
	uint64_t entrances;             /* calls of this interface, this one included */
	uint64_t ticks;                 /* inside of them */
	uint64_t copied_in, copied_out; /* bytes of application memory */
	uint64_t frames_sent, bytes_sent, frames_received, bytes_received;
	uint64_t frames_lost, frames_reordered, frames_dropped; /* by the link; for want of a buffer */
	uint64_t frames_left_out;                               /* of the recording */
};

int net_statistics(struct net_statistics *statistics);

/* Moves up to `size` bytes of the recording, a pcap file, to `to`. Their number, 0: no more now. */
long net_recorded(void *to, size_t size);

/* ---- sockets ----------------------------------------------------------------------------------------------
 */

#define NET_TCP 1
#define NET_UDP 2

struct net_peer {
	uint32_t address;
	uint16_t port;
	uint16_t unused;
};

/* A new socket: its number. -ENFILE: there are NET_SOCKETS_MAX; -ENOMEM. */
int net_socket(int type);

/* Gives the socket a port of this host; 0: a free one. -EADDRINUSE. */
int net_bind(int socket, uint16_t port);

/* Lets a bound TCP socket take connections, of which `backlog` (1 to 255) may wait. -ENOMEM. */
int net_listen(int socket, int backlog);

/* The socket of the connection that has waited longest. -EAGAIN: none waits. */
int net_accept(int socket);

/* TCP: begins to connect; NET_WRITABLE or NET_FAILED tells the end. UDP: sets where net_send() sends to.
 * -ENOMEM. */
int net_connect(int socket, uint32_t address, uint16_t port);

/*
 * TCP: queues bytes, as many as there is room for: their number; NET_WRITABLE tells that there is room again.
 * UDP: sends one datagram. -EAGAIN (no room), -ENOTCONN, -EPIPE (closed), -EMSGSIZE (UDP), or why the
 * connection ended: -ECONNRESET, -ECONNREFUSED, -ECONNABORTED, -ETIMEDOUT.
 */
long net_send(int socket, const void *data, size_t size);

/*
 * TCP: what has arrived, up to `size` bytes; 0: the other side will send no more. UDP: one datagram; what
 * does not fit is gone. -EAGAIN (nothing now), -ENOTCONN, or why the connection ended.
 */
long net_receive(int socket, void *data, size_t size);

long net_send_to(int socket, const void *data, size_t size, uint32_t address, uint16_t port); /* UDP alone */
long net_receive_from(int socket, void *data, size_t size, struct net_peer *peer);            /* likewise */

/* Ends the use of the socket: what was queued is still sent. net_reset: the connection is cut at once (RST).
 */
int net_close(int socket);
int net_reset(int socket);

/* ---- progress ---------------------------------------------------------------------------------------------
 */

#define NET_READABLE                                                                                         \
	1 /* data, the end of data, or a connection to accept; told once for each arrival, and while more    \
	     datagrams wait */
#define NET_WRITABLE 2 /* connected; or room again after net_send() had less than it wanted */
#define NET_FAILED   4 /* the connection has ended: net_receive() says why */

struct net_event {
	int32_t socket;
	uint32_t what; /* NET_* */
};

/*
 * Lets the stack work, and reports up to `count` events (at most NET_EVENTS_MAX): their number. -ENETDOWN:
 * the other end of the wire is gone, and there are no more events.
 */
int net_poll(struct net_event *events, int count);

/* ---- bursts: one entrance for many calls ------------------------------------------------------------------
 */

struct net_send {
	int32_t socket;
	uint32_t size;
	const void *data;
	int64_t result; /* as net_send() */
};

struct net_receipt {
	int32_t socket;
	uint32_t what;   /* as in struct net_event */
	int64_t result;  /* of net_receive(), if NET_READABLE on a connection or connected UDP socket, else 0
	                  */
	uint64_t offset; /* of the bytes received in the caller's buffer */
};

struct net_burst {
	struct net_send *sends;
	struct net_receipt *receipts;
	uint32_t send_count, receipt_count; /* at most NET_BURST_MAX each */
	void *buffer;
	uint64_t size;
};

/*
 * All sends, then what net_poll() does, then the receipt of all that has become readable, as far as
 * `receipt_count` and the buffer go; a socket for which the buffer was too small stays readable. The number
 * of receipts; errors as net_poll().
 */
int net_burst(const struct net_burst *burst);

#endif
