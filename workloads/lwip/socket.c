/* The table of sockets, their events, and the entry points on them. */
#include "socket.h"

#include <errno.h>

#include "stack.h"

static struct socket sockets[NET_SOCKETS_MAX];
static struct socket *events, *last_event; /* a list, first to be reported first */

/* ---- the table --------------------------------------------------------------------------------------------
 */

struct socket *socket_new(int kind)
{
	for (struct socket *socket = sockets; socket < sockets + NET_SOCKETS_MAX; socket++) {
		/* One that is still queued has no event, and is passed over when its turn comes. */
		bool queued = socket->queued;
		struct socket *next_event = socket->next_event;

		if (socket->kind)
			continue;
		*socket = (struct socket){.kind = (uint8_t)kind, .queued = queued, .next_event = next_event};
		return socket;
	}
	return NULL;
}

void socket_free(struct socket *socket)
{
	socket->kind = 0;
	socket->what = 0;
}

int socket_number(const struct socket *socket)
{
	return (int)(socket - sockets);
}

static struct socket *find(int number)
{
	struct socket *socket = (unsigned)number < NET_SOCKETS_MAX ? &sockets[number] : NULL;

	return socket && socket->kind && !socket->hidden ? socket : NULL;
}

/* ---- events -----------------------------------------------------------------------------------------------
 */

void socket_raise(struct socket *socket, unsigned what)
{
	socket->what |= (uint8_t)what;
	if (socket->queued || socket->hidden)
		return;
	socket->queued = true;
	socket->next_event = NULL;
	if (events)
		last_event->next_event = socket;
	else
		events = socket;
	last_event = socket;
}

void socket_show(struct socket *socket)
{
	socket->hidden = false;
	if (socket->what)
		socket_raise(socket, 0);
}

/* The next socket with events, no longer queued; NULL: there is none. */
static struct socket *next_event(void)
{
	struct socket *socket;

	do {
		socket = events;
		if (!socket)
			return NULL;
		events = socket->next_event;
		socket->queued = false;
	} while (!socket->what);
	return socket;
}

void sockets_feed(void)
{
	for (struct socket *socket = sockets; socket < sockets + NET_SOCKETS_MAX; socket++)
		if (socket->kind && socket->starves)
			socket_raise(socket, NET_WRITABLE);
}

void sockets_fail(int error)
{
	for (struct socket *socket = sockets; socket < sockets + NET_SOCKETS_MAX; socket++)
		if (socket->kind == NET_TCP)
			tcp_socket_fail(socket, error);
}

static long poll(struct net_event *to, int count)
{
	struct net_event reported[NET_EVENTS_MAX];
	struct socket *socket;
	bool up;
	int n = 0;

	if (count < 1 || count > NET_EVENTS_MAX)
		return -EINVAL;
	up = stack_work();
	for (; n < count && (socket = next_event()); n++) {
		reported[n] = (struct net_event){socket_number(socket), socket->what};
		socket->what = 0;
	}
	if (n == 0)
		return up ? 0 : -ENETDOWN;
	return stack_copy_out(to, reported, (size_t)n * sizeof(reported[0])) ? -EFAULT : n;
}

/* ---- bursts -----------------------------------------------------------------------------------------------
 */

static long send(int number, const void *data, size_t size)
{
	struct socket *socket = find(number);

	if (!socket)
		return -EBADF;
	if (size > NET_SEND_MAX)
		return -EINVAL;
	return socket->kind == NET_TCP ? tcp_socket_send(socket, data, size)
	                               : udp_socket_send(socket, data, size, NULL);
}

static int send_all(struct net_send *sends, uint32_t count)
{
	struct net_send copies[NET_BURST_MAX];

	if (stack_copy_in(copies, sends, count * sizeof(copies[0])))
		return -EFAULT;
	for (uint32_t i = 0; i < count; i++)
		copies[i].result = send(copies[i].socket, copies[i].data, copies[i].size);
	return stack_copy_out(sends, copies, count * sizeof(copies[0]));
}

/* What is readable at the socket goes to the free part of the buffer. False: it needs more room. */
static bool receive_burst(struct socket *socket, const struct net_burst *burst, struct net_receipt *receipt)
{
	char *to = (char *)burst->buffer + receipt->offset;
	size_t room = burst->size - receipt->offset;

	if (!(receipt->what & NET_READABLE) || socket->state == SOCKET_LISTENING)
		return true;
	if (socket->kind == NET_UDP) {
		if (socket->state != SOCKET_CONNECTED)
			return true; /* a receipt has no place for the sender */
		if (receipt->offset && udp_socket_next_size(socket) > room)
			return false;
		receipt->result = udp_socket_receive(socket, to, room, NULL);
		return true;
	}
	if (!room)
		return false;
	receipt->result = tcp_socket_receive(socket, to, room);
	if (receipt->result > 0 && tcp_socket_has_data(socket))
		socket_raise(socket, NET_READABLE);
	return true;
}

static long run_burst(const struct net_burst *application)
{
	struct net_receipt receipts[NET_BURST_MAX];
	struct net_burst burst;
	struct socket *socket;
	uint64_t offset = 0;
	uint32_t n = 0;
	bool up;

	if (stack_copy_in(&burst, application, sizeof(burst)))
		return -EFAULT;
	if (burst.send_count > NET_BURST_MAX || burst.receipt_count > NET_BURST_MAX)
		return -EINVAL;
	if (burst.send_count && send_all(burst.sends, burst.send_count))
		return -EFAULT;
	up = stack_work();
	while (n < burst.receipt_count && (socket = next_event())) {
		struct net_receipt *receipt = &receipts[n];

		*receipt = (struct net_receipt){socket_number(socket), socket->what, 0, offset};
		socket->what = 0;
		if (!receive_burst(socket, &burst, receipt)) {
			socket_raise(socket, receipt->what);
			break;
		}
		if (receipt->result > 0)
			offset += (uint64_t)receipt->result;
		n++;
	}
	if (n == 0)
		return up || events ? 0 : -ENETDOWN;
	return stack_copy_out(burst.receipts, receipts, n * sizeof(receipts[0])) ? -EFAULT : (long)n;
}

/* ---- entry points -----------------------------------------------------------------------------------------
 */

static long make(int kind)
{
	struct socket *socket;
	int error;

	if (kind != NET_TCP && kind != NET_UDP)
		return -EINVAL;
	socket = socket_new(kind);
	if (!socket)
		return -ENFILE;
	error = kind == NET_TCP ? tcp_socket_open(socket) : udp_socket_open(socket);
	if (error)
		socket_free(socket);
	return error ? error : socket_number(socket);
}

static long bind(struct socket *socket, uint16_t port)
{
	if (!socket)
		return -EBADF;
	return socket->kind == NET_TCP ? tcp_socket_bind(socket, port) : udp_socket_bind(socket, port);
}

static long listen(struct socket *socket, int backlog)
{
	if (!socket)
		return -EBADF;
	if (socket->kind != NET_TCP || backlog < 1 || backlog > 255)
		return -EINVAL;
	return tcp_socket_listen(socket, backlog);
}

static long accept(struct socket *socket)
{
	if (!socket)
		return -EBADF;
	return socket->kind == NET_TCP ? tcp_socket_accept(socket) : -EINVAL;
}

static long connect(struct socket *socket, uint32_t address, uint16_t port)
{
	if (!socket)
		return -EBADF;
	if (!address || !port)
		return -EINVAL;
	return socket->kind == NET_TCP ? tcp_socket_connect(socket, address, port)
	                               : udp_socket_connect(socket, address, port);
}

static long receive(struct socket *socket, void *data, size_t size)
{
	if (!socket)
		return -EBADF;
	return socket->kind == NET_TCP ? tcp_socket_receive(socket, data, size)
	                               : udp_socket_receive(socket, data, size, NULL);
}

static long send_to(struct socket *socket, const void *data, size_t size, const struct net_peer *peer)
{
	if (!socket)
		return -EBADF;
	return socket->kind == NET_UDP && peer->address && peer->port
	               ? udp_socket_send(socket, data, size, peer)
	               : -EINVAL;
}

static long receive_from(struct socket *socket, void *data, size_t size, struct net_peer *peer)
{
	if (!socket)
		return -EBADF;
	return socket->kind == NET_UDP ? udp_socket_receive(socket, data, size, peer) : -EINVAL;
}

static long end(struct socket *socket, bool reset)
{
	if (!socket)
		return -EBADF;
	if (socket->kind == NET_UDP)
		udp_socket_close(socket);
	else if (reset)
		tcp_socket_reset(socket);
	else
		tcp_socket_close(socket);
	return 0;
}

int net_socket(int type)
{
	return (int)stack_leave(stack_enter() ? make(type) : -ENODEV);
}

int net_bind(int socket, uint16_t port)
{
	return (int)stack_leave(stack_enter() ? bind(find(socket), port) : -ENODEV);
}

int net_listen(int socket, int backlog)
{
	return (int)stack_leave(stack_enter() ? listen(find(socket), backlog) : -ENODEV);
}

int net_accept(int socket)
{
	return (int)stack_leave(stack_enter() ? accept(find(socket)) : -ENODEV);
}

int net_connect(int socket, uint32_t address, uint16_t port)
{
	return (int)stack_leave(stack_enter() ? connect(find(socket), address, port) : -ENODEV);
}

long net_send(int socket, const void *data, size_t size)
{
	return stack_leave(stack_enter() ? send(socket, data, size) : -ENODEV);
}

long net_receive(int socket, void *data, size_t size)
{
	return stack_leave(stack_enter() ? receive(find(socket), data, size) : -ENODEV);
}

long net_send_to(int socket, const void *data, size_t size, uint32_t address, uint16_t port)
{
	const struct net_peer peer = {address, port, 0};

	return stack_leave(stack_enter() ? send_to(find(socket), data, size, &peer) : -ENODEV);
}

long net_receive_from(int socket, void *data, size_t size, struct net_peer *peer)
{
	return stack_leave(stack_enter() ? receive_from(find(socket), data, size, peer) : -ENODEV);
}

int net_close(int socket)
{
	return (int)stack_leave(stack_enter() ? end(find(socket), false) : -ENODEV);
}

int net_reset(int socket)
{
	return (int)stack_leave(stack_enter() ? end(find(socket), true) : -ENODEV);
}

int net_poll(struct net_event *to, int count)
{
	return (int)stack_leave(stack_enter() ? poll(to, count) : -ENODEV);
}

int net_burst(const struct net_burst *burst)
{
	return (int)stack_leave(stack_enter() ? run_burst(burst) : -ENODEV);
}
