/* Inside the library: sockets. */
#ifndef LWIP_SOCKET_H
#define LWIP_SOCKET_H

#include <stdbool.h>

#include "lwip/pbuf.h"
#include "net.h"

struct tcp_pcb;
struct udp_pcb;

enum socket_state {
	SOCKET_NEW,
	SOCKET_BOUND,
	SOCKET_LISTENING,
	SOCKET_CONNECTING,
	SOCKET_CONNECTED,
	SOCKET_FAILED
};

#define DATAGRAMS_MAX 64 /* that wait at one socket */

struct datagram {
	struct pbuf *data;
	struct net_peer peer;
};

struct socket {
	uint8_t kind; /* NET_TCP, NET_UDP, 0: unused */
	uint8_t state;
	uint8_t what;    /* events not yet reported */
	bool queued;     /* in the list of sockets with events */
	bool hidden;     /* not yet accepted: its events wait */
	bool ended;      /* TCP: the other side will send no more */
	bool wants_room; /* TCP: net_send() could not queue all */
	bool starves;    /* because memory was short, not the window */
	int error;       /* FAILED: why */
	struct socket *next_event;

	union {
		struct tcp_pcb *tcp; /* NULL: it is gone */
		struct udp_pcb *udp;
	};

	struct pbuf *first, *last; /* TCP: what was received and not yet read */
	uint32_t offset;           /* bytes of the first that were */

	struct socket *next_accepted; /* LISTENING: connections that wait; else the next one that waits */
	struct socket *last_accepted;

	struct datagram *datagrams; /* UDP: a ring */
	unsigned datagram_first, datagram_count;
};

/* An unused socket of that kind, NULL: there is none. */
struct socket *socket_new(int kind);
void socket_free(struct socket *socket);
int socket_number(const struct socket *socket);

void socket_raise(struct socket *socket, unsigned what);
void socket_show(struct socket *socket); /* no longer hidden */

/* Sockets that found no memory may try again. */
void sockets_feed(void);

/* All connections fail. */
void sockets_fail(int error);

/* ---- the two kinds, for an existing socket; as the functions of net.h -------------------------------------
 */

int tcp_socket_open(struct socket *socket);
int tcp_socket_bind(struct socket *socket, uint16_t port);
int tcp_socket_listen(struct socket *socket, int backlog);
int tcp_socket_accept(struct socket *socket);
int tcp_socket_connect(struct socket *socket, uint32_t address, uint16_t port);
long tcp_socket_send(struct socket *socket, const void *data, size_t size);
long tcp_socket_receive(struct socket *socket, void *data, size_t size);
void tcp_socket_close(struct socket *socket);
void tcp_socket_reset(struct socket *socket);
void tcp_socket_fail(struct socket *socket, int error);
bool tcp_socket_has_data(const struct socket *socket); /* or the end of it */

int udp_socket_open(struct socket *socket);
int udp_socket_bind(struct socket *socket, uint16_t port);
int udp_socket_connect(struct socket *socket, uint32_t address, uint16_t port);
long udp_socket_send(struct socket *socket, const void *data, size_t size, const struct net_peer *peer);
long udp_socket_receive(struct socket *socket, void *data, size_t size, struct net_peer *peer);
void udp_socket_close(struct socket *socket);
size_t udp_socket_next_size(const struct socket *socket); /* 0: no datagram, or an empty one */

#endif
