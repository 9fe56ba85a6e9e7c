/*
 * Wires: what the kernel does for virtual network devices. Two libraries, each in its own process, share two
 * regions of memory that no application can touch; how frames travel through them is theirs to decide.
 */
#ifndef PORTCULLIS_WIRE_H
#define PORTCULLIS_WIRE_H

#include "portcullis/layout.h"

/* Offsets in a domain: the region of this end, which its domain alone can write, and the other end's,
 * read-only. */
#define PORTCULLIS_WIRE_OFFSET      0x2000000000
#define PORTCULLIS_WIRE_PEER_OFFSET 0x2040000000

#define PORTCULLIS_WIRE_MAX 0x1000000 /* bytes of one region */
#define PORTCULLIS_WIRES    16        /* at once */

/* The first word of the own region, which the kernel writes: what became of the other end. */
#define PORTCULLIS_WIRE_ALONE 0 /* its region is not there yet */
#define PORTCULLIS_WIRE_UP    1
#define PORTCULLIS_WIRE_GONE  2 /* its domain is gone; its region stays as it was */

/*
 * wire_map(uint64_t address, size_t size, uint64_t name, unsigned end)
 *
 * For libraries. Makes end 0 or 1 of the wire `name` part of the domain whose PORTCULLIS_WIRE_OFFSET
 * `address` is: `size` bytes (whole pages), zeroes. The other end's region appears when a second domain, of
 * the same image, has asked for it. Once an end is gone the wire is used up, and its name is free when both
 * are. After a fork the child's copy of the domain has neither region.
 *
 * 0, or -EINVAL, -EPERM (not a call by a library; the other end is another image's), -EBUSY (the end is
 * taken, the wire is used up, or the domain is at a wire), -ENOSPC (too many wires), -ENOMEM (and the wire is
 * used up).
 */
#define PORTCULLIS_SYS_WIRE_MAP 1030

#endif
