/* TCP over lwIP's callback interface; the callbacks stay in the library. */
#include <errno.h>

#include "lwip/tcp.h"
#include "socket.h"
#include "stack.h"

#define WRITE_MAX 0x8000 /* bytes of one tcp_write(), which takes 16 bits */

/* ---- callbacks --------------------------------------------------------------------------------------------
 */

static err_t received(void *argument, struct tcp_pcb *pcb, struct pbuf *data, err_t error)
{
	struct socket *socket = argument;

	(void)pcb, (void)error;
	if (!data) {
		socket->ended = true;
	} else if (socket->last) {
		socket->last->next = data;
	} else {
		socket->first = data;
		socket->offset = 0;
	}
	for (; data; data = data->next)
		socket->last = data;
	socket_raise(socket, NET_READABLE);
	return ERR_OK;
}

static err_t sent(void *argument, struct tcp_pcb *pcb, u16_t size)
{
	struct socket *socket = argument;

	(void)size;
	if (socket->wants_room && tcp_sndbuf(pcb) >= TCP_SNDLOWAT) {
		socket->wants_room = false;
		socket_raise(socket, NET_WRITABLE);
	}
	return ERR_OK;
}

/* lwIP has freed the connection. */
static void failed(void *argument, err_t error)
{
	struct socket *socket = argument;

	socket->tcp = NULL;
	socket->error =
	        socket->state == SOCKET_CONNECTING && error == ERR_RST ? -ECONNREFUSED : stack_error(error);
	socket->state = SOCKET_FAILED;
	socket_raise(socket, NET_FAILED);
}

static err_t connected(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct socket *socket = argument;

	(void)pcb, (void)error; /* always OK: failed() tells the rest */
	socket->state = SOCKET_CONNECTED;
	socket_raise(socket, NET_WRITABLE);
	return ERR_OK;
}

static void adopt(struct socket *socket, struct tcp_pcb *pcb)
{
	socket->tcp = pcb;
	tcp_arg(pcb, socket);
	tcp_recv(pcb, received);
	tcp_sent(pcb, sent);
	tcp_err(pcb, failed);
	tcp_nagle_disable(pcb);
}

static err_t accepted(void *argument, struct tcp_pcb *pcb, err_t error)
{
	struct socket *listener = argument, *socket;

	if (error != ERR_OK)
		return error;
	socket = socket_new(NET_TCP);
	if (!socket)
		return ERR_MEM; /* lwIP cuts the connection */
	adopt(socket, pcb);
	socket->state = SOCKET_CONNECTED;
	socket->hidden = true;
	tcp_backlog_delayed(pcb);
	if (listener->next_accepted)
		listener->last_accepted->next_accepted = socket;
	else
		listener->next_accepted = socket;
	listener->last_accepted = socket;
	socket_raise(listener, NET_READABLE);
	return ERR_OK;
}

/* ---- making connections -----------------------------------------------------------------------------------
 */

int tcp_socket_open(struct socket *socket)
{
	struct tcp_pcb *pcb = tcp_new();

	if (!pcb)
		return -ENOMEM;
	adopt(socket, pcb);
	return 0;
}

int tcp_socket_bind(struct socket *socket, uint16_t port)
{
	err_t error;

	if (socket->state != SOCKET_NEW)
		return -EINVAL;
	error = tcp_bind(socket->tcp, IP4_ADDR_ANY, port);
	if (error == ERR_OK)
		socket->state = SOCKET_BOUND;
	return stack_error(error);
}

int tcp_socket_listen(struct socket *socket, int backlog)
{
	struct tcp_pcb *listener;
	err_t error;

	if (socket->state != SOCKET_BOUND)
		return -EINVAL;
	listener = tcp_listen_with_backlog_and_err(socket->tcp, (u8_t)backlog, &error);
	if (!listener)
		return stack_error(error);
	socket->tcp = listener;
	socket->state = SOCKET_LISTENING;
	tcp_arg(listener, socket);
	tcp_accept(listener, accepted);
	return 0;
}

static struct socket *next_accepted(struct socket *listener)
{
	struct socket *socket = listener->next_accepted;

	if (socket) {
		listener->next_accepted = socket->next_accepted;
		socket->next_accepted = NULL;
	}
	return socket;
}

int tcp_socket_accept(struct socket *listener)
{
	struct socket *socket;

	if (listener->state != SOCKET_LISTENING)
		return -EINVAL;
	socket = next_accepted(listener);
	if (!socket)
		return -EAGAIN;
	if (socket->tcp)
		tcp_backlog_accepted(socket->tcp);
	socket_show(socket);
	return socket_number(socket);
}

int tcp_socket_connect(struct socket *socket, uint32_t address, uint16_t port)
{
	ip_addr_t to = IPADDR4_INIT(lwip_htonl(address));
	err_t error;

	if (socket->state != SOCKET_NEW && socket->state != SOCKET_BOUND)
		return socket->state == SOCKET_LISTENING ? -EINVAL : -EISCONN;
	error = tcp_connect(socket->tcp, &to, port, connected);
	if (error == ERR_OK)
		socket->state = SOCKET_CONNECTING;
	return stack_error(error);
}

/* ---- data -------------------------------------------------------------------------------------------------
 */

/* Can data go through this connection? 0 or -errno. */
static int check_connection(const struct socket *socket)
{
	switch (socket->state) {
	case SOCKET_CONNECTED:
		return 0;
	case SOCKET_FAILED:
		return socket->error;
	case SOCKET_CONNECTING:
		return -EAGAIN;
	default:
		return -ENOTCONN;
	}
}

/* Queues as much as there is room for. */
static size_t queue(struct tcp_pcb *pcb, const char *data, size_t size)
{
	size_t done = 0, most = WRITE_MAX;

	while (done < size) {
		size_t part = size - done, room = tcp_sndbuf(pcb);
		err_t error;

		part = part < most ? part : most;
		part = part < room ? part : room;
		if (!part)
			break;
		error = tcp_write(pcb, data + done, (u16_t)part, TCP_WRITE_FLAG_COPY);
		if (error == ERR_OK)
			done += part;
		else if (error == ERR_MEM && part > TCP_MSS)
			most = part / 2;
		else
			break;
	}
	return done;
}

static void set_starving(struct socket *socket, bool starves)
{
	stack.starving += (unsigned)starves - (unsigned)socket->starves;
	socket->starves = starves;
}

long tcp_socket_send(struct socket *socket, const void *data, size_t size)
{
	int error = check_connection(socket);
	size_t done;

	if (error)
		return error;
	if (!stack_can_read(data, size))
		return -EFAULT;
	done = queue(socket->tcp, data, size);
	if (stack.copy_failed) {
		stack.copy_failed = false;
		tcp_abort(socket->tcp);
		return -EFAULT;
	}
	tcp_output(socket->tcp);
	socket->wants_room = done < size;
	/* Nothing is under way whose acknowledgement would tell that there is memory again. */
	set_starving(socket, done < size && !socket->tcp->unacked && !socket->tcp->unsent);
	return done || !size ? (long)done : -EAGAIN;
}

/* Takes the first pbuf off the queue. */
static void drop_first(struct socket *socket)
{
	struct pbuf *first = socket->first;

	socket->first = first->next;
	if (!socket->first)
		socket->last = NULL;
	socket->offset = 0;
	first->next = NULL;
	first->tot_len = first->len;
	pbuf_free(first);
}

static void acknowledge(struct tcp_pcb *pcb, size_t size)
{
	while (size > 0) {
		u16_t part = size < UINT16_MAX ? (u16_t)size : UINT16_MAX;

		tcp_recved(pcb, part);
		size -= part;
	}
}

long tcp_socket_receive(struct socket *socket, void *data, size_t size)
{
	char *to = data;
	size_t done = 0;
	int error = check_connection(socket);

	if (error)
		return error;
	if (!socket->first)
		return socket->ended || !size ? 0 : -EAGAIN;
	while (socket->first && done < size) {
		const char *from = (const char *)socket->first->payload + socket->offset;
		size_t part = socket->first->len - socket->offset;

		part = part < size - done ? part : size - done;
		if (stack_copy_out(to + done, from, part)) {
			error = -EFAULT;
			break;
		}
		done += part;
		socket->offset += (uint32_t)part;
		if (socket->offset == socket->first->len)
			drop_first(socket);
	}
	acknowledge(socket->tcp, done);
	if (done && !socket->first && socket->ended)
		socket_raise(socket, NET_READABLE); /* the end came with the data */
	return done ? (long)done : error;
}

bool tcp_socket_has_data(const struct socket *socket)
{
	return socket->first || socket->ended;
}

/* ---- the end ----------------------------------------------------------------------------------------------
 */

static void detach(struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
}

static void release(struct socket *socket)
{
	while (socket->first)
		drop_first(socket);
	set_starving(socket, false);
	socket_free(socket);
}

static void stop_listening(struct socket *listener)
{
	struct socket *socket;

	while ((socket = next_accepted(listener)))
		tcp_socket_reset(socket);
	tcp_close(listener->tcp); /* always succeeds for a listener */
	release(listener);
}

void tcp_socket_close(struct socket *socket)
{
	if (socket->state == SOCKET_LISTENING) {
		stop_listening(socket);
		return;
	}
	if (socket->tcp) {
		struct tcp_pcb *pcb = socket->tcp;

		detach(pcb);
		if (tcp_close(pcb) != ERR_OK)
			tcp_abort(pcb); /* no memory for the FIN */
	}
	release(socket);
}

void tcp_socket_reset(struct socket *socket)
{
	if (socket->state == SOCKET_LISTENING) {
		stop_listening(socket);
		return;
	}
	if (socket->tcp) {
		detach(socket->tcp);
		tcp_abort(socket->tcp);
	}
	release(socket);
}

void tcp_socket_fail(struct socket *socket, int error)
{
	if (!socket->tcp || socket->state == SOCKET_LISTENING || socket->state == SOCKET_NEW)
		return;
	detach(socket->tcp);
	tcp_abort(socket->tcp);
	socket->tcp = NULL;
	socket->error = error;
	socket->state = SOCKET_FAILED;
	socket_raise(socket, NET_FAILED);
}
