/*
 * The byte stream (guest/abi/link.h) through memory that the guest shares with its VMM, so that writing causes no exit.
 *
 * `struct ring` lies where `ring` of the boot header says. The guest is the only writer of `head`, the VMM of `tail`;
 * both count bytes and wrap at 2^32. Byte N is at data[N % RING_SIZE]. A guest that finds the ring full writes to PORT_RING,
 * which returns when there is room.
 */
#ifndef GUEST_ABI_RING_H
#define GUEST_ABI_RING_H

#include <stdint.h>

#define RING_ADDRESS 0x80000  /* physical: the last free 128 KiB below the hole for devices */
#define RING_SIZE    0x10000U /* bytes of data: a power of two */
#define PORT_RING    0xf8     /* any write: "empty the ring" */
#define RING_HOLD    1        /* written there: and return when the launcher has read it, and lets the guest go on */

struct ring {
	uint32_t head;                                /* bytes that the guest has written */
	uint32_t tail __attribute__((aligned(64)));   /* bytes that the VMM has taken */
	char data[RING_SIZE] __attribute__((aligned(64)));
};

#endif
