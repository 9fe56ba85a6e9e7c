/*
 * The layout of a domain: one PML4 slot, the same offsets in bytes in every domain, whatever the backend.
 *
 *   0                  gate code: pages that the kernel fills; executable for the application too
 *   GATE_DATA_OFFSET   gate data: struct portcullis_gate_data (abi.h), for the domain alone
 *   IMAGE_OFFSET       the image: its link address 0 lies here
 *   HEAP_OFFSET        heap arena: zeroes on demand, up to the image's heap limit
 *   STACKS_OFFSET      protected stacks: number n takes the top of stride n; the rest of the stride, one
 *                      page at least, stays unmapped and guards it
 *
 * A PML4 entry maps 512 GiB (SDM vol. 3A, 4.5); user memory is the lower half of the canonical addresses (SDM
 * vol. 1, 3.3.7.1). All numbers are bytes or addresses, and plain, so that gates in assembly can use them.
 */
#ifndef PORTCULLIS_LAYOUT_H
#define PORTCULLIS_LAYOUT_H

#define PORTCULLIS_DOMAIN_SIZE     0x8000000000
#define PORTCULLIS_DOMAINS_START   0x200000000000 /* the first domain slot */
#define PORTCULLIS_DOMAINS_END     0x500000000000
#define PORTCULLIS_APPLICATION_END 0x1f8000000000 /* application memory of the guest ends here */
#define PORTCULLIS_USER_END        0x800000000000 /* end of the lower canonical half */

#define PORTCULLIS_GATE_OFFSET      0x0
#define PORTCULLIS_GATE_SIZE        0x100000
#define PORTCULLIS_GATE_DATA_OFFSET 0x100000
#define PORTCULLIS_GATE_DATA_SIZE   0x100000
#define PORTCULLIS_IMAGE_OFFSET     0x1000000
#define PORTCULLIS_IMAGE_MAX        0x3f000000
#define PORTCULLIS_HEAP_OFFSET      0x40000000
#define PORTCULLIS_HEAP_MAX         0xfc0000000
#define PORTCULLIS_STACKS_OFFSET    0x1000000000
#define PORTCULLIS_STACK_STRIDE     0x200000
#define PORTCULLIS_STACK_MAX        0x1ff000
#define PORTCULLIS_PAGE_SIZE        0x1000

#define PORTCULLIS_THREADS_MAX   1024 /* thread slots: a thread has the same one in every domain */
#define PORTCULLIS_CLIENTS_MAX   256  /* processes attached to one domain */
#define PORTCULLIS_ENTRIES_MAX   1024 /* entry points of one image */
#define PORTCULLIS_ARGUMENTS_MAX 6

#endif
