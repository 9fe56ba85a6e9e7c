/* The page at a thread's GS base: offsets that gates use. */
#ifndef GUEST_DOMAIN_THREAD_PAGE_H
#define GUEST_DOMAIN_THREAD_PAGE_H

#define THREAD_PAGE_STACKS                                                                                   \
	0x100 /* uint64_t for each domain slot: top of the thread's protected stack there */

#endif
