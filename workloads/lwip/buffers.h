/* Packet memory: what is to be sent comes from a heap in it, and received frames are in buffers from it. */
#ifndef LWIP_BUFFERS_H
#define LWIP_BUFFERS_H

#include "lwip/pbuf.h"

/* Once the device is open. */
void buffers_open(void);

/* Gives the device up to `count` buffers, as many as it takes and as there is memory for. */
void buffers_supply(unsigned count);

/* The next frame that has arrived, NULL: none. Its buffer is used again once the pbuf is freed. */
struct pbuf *buffers_receive(void);

#endif
