/* Messages of one packet with descriptors (unix(7), SCM_RIGHTS), to be sent by sendmsg(2). */
#ifndef NATIVE_PACKET_H
#define NATIVE_PACKET_H

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define PACKET_DESCRIPTORS_MAX 2

struct packet {
	struct msghdr header; /* what sendmsg() takes; leads to the rest */
	struct iovec part;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(PACKET_DESCRIPTORS_MAX * sizeof(int))];
	} control;
};

/* `bytes` stay the caller's until the packet is sent. `count`: of descriptors, 0 to PACKET_DESCRIPTORS_MAX.
 */
static inline void packet_make(struct packet *packet, const void *bytes, size_t size, const int *descriptors,
                               unsigned count)
{
	memset(packet, 0, sizeof(*packet));
	packet->part = (struct iovec){(void *)bytes, size};
	packet->header.msg_iov = &packet->part;
	packet->header.msg_iovlen = 1;
	if (!count)
		return;
	packet->control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	packet->control.header.cmsg_level = SOL_SOCKET;
	packet->control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&packet->control.header), descriptors, count * sizeof(int));
	packet->header.msg_control = &packet->control;
	packet->header.msg_controllen = CMSG_SPACE(count * sizeof(int));
}

#endif
