/* UDP over lwIP's callback interface. */
#include <errno.h>

#include "lwip/udp.h"
#include "socket.h"
#include "stack.h"

static void received(void *argument, struct udp_pcb *pcb, struct pbuf *data, const ip_addr_t *address,
                     u16_t port)
{
	struct socket *socket = argument;
	struct datagram *datagram;

	(void)pcb;
	if (socket->datagram_count == DATAGRAMS_MAX) {
		pbuf_free(data); /* as UDP may */
		return;
	}
	datagram = &socket->datagrams[(socket->datagram_first + socket->datagram_count++) % DATAGRAMS_MAX];
	datagram->data = data;
	datagram->peer = (struct net_peer){lwip_ntohl(ip_addr_get_ip4_u32(address)), port, 0};
	socket_raise(socket, NET_READABLE);
}

int udp_socket_open(struct socket *socket)
{
	socket->datagrams = portcullis_alloc(DATAGRAMS_MAX * sizeof(*socket->datagrams));
	socket->udp = socket->datagrams ? udp_new() : NULL;
	if (!socket->udp) {
		portcullis_free(socket->datagrams);
		return -ENOMEM;
	}
	udp_recv(socket->udp, received, socket);
	return 0;
}

int udp_socket_bind(struct socket *socket, uint16_t port)
{
	return socket->state == SOCKET_NEW ? stack_error(udp_bind(socket->udp, IP4_ADDR_ANY, port)) : -EINVAL;
}

int udp_socket_connect(struct socket *socket, uint32_t address, uint16_t port)
{
	ip_addr_t to = IPADDR4_INIT(lwip_htonl(address));
	err_t error = udp_connect(socket->udp, &to, port);

	if (error == ERR_OK)
		socket->state = SOCKET_CONNECTED;
	return stack_error(error);
}

long udp_socket_send(struct socket *socket, const void *data, size_t size, const struct net_peer *peer)
{
	ip_addr_t to = IPADDR4_INIT(peer ? lwip_htonl(peer->address) : 0);
	struct pbuf *datagram;
	err_t error;

	if (size > NET_DATAGRAM_MAX)
		return -EMSGSIZE;
	if (!peer && socket->state != SOCKET_CONNECTED)
		return -ENOTCONN;
	datagram = pbuf_alloc(PBUF_TRANSPORT, (u16_t)size, PBUF_RAM);
	if (!datagram)
		return -EAGAIN;
	if (stack_copy_in(datagram->payload, data, size)) {
		pbuf_free(datagram);
		return -EFAULT;
	}
	error = peer ? udp_sendto(socket->udp, datagram, &to, peer->port) : udp_send(socket->udp, datagram);
	pbuf_free(datagram);
	if (error == ERR_OK)
		return (long)size;
	return error == ERR_MEM || error == ERR_BUF ? -EAGAIN : stack_error(error);
}

static struct datagram *first(struct socket *socket)
{
	return &socket->datagrams[socket->datagram_first];
}

static void drop_first(struct socket *socket)
{
	pbuf_free(first(socket)->data);
	socket->datagram_first = (socket->datagram_first + 1) % DATAGRAMS_MAX;
	socket->datagram_count--;
}

long udp_socket_receive(struct socket *socket, void *data, size_t size, struct net_peer *peer)
{
	char *to = data;
	size_t done = 0;

	if (!socket->datagram_count)
		return -EAGAIN;
	if (peer && portcullis_copy_out(peer, &first(socket)->peer, sizeof(*peer)))
		return -EFAULT;
	for (const struct pbuf *part = first(socket)->data; part && done < size; part = part->next) {
		size_t piece = part->len < size - done ? part->len : size - done;

		if (stack_copy_out(to + done, part->payload, piece))
			return -EFAULT;
		done += piece;
	}
	drop_first(socket);
	if (socket->datagram_count)
		socket_raise(socket, NET_READABLE);
	return (long)done;
}

size_t udp_socket_next_size(const struct socket *socket)
{
	return socket->datagram_count ? socket->datagrams[socket->datagram_first].data->tot_len : 0;
}

void udp_socket_close(struct socket *socket)
{
	while (socket->datagram_count)
		drop_first(socket);
	udp_remove(socket->udp);
	portcullis_free(socket->datagrams);
	socket_free(socket);
}
