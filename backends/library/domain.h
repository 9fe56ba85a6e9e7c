/* Inside the library runtime: where this image's domain lies and which thread is calling. */
#ifndef LIBRARY_DOMAIN_H
#define LIBRARY_DOMAIN_H

#include <stdint.h>

#include "portcullis/abi.h"

/* First byte of this image's domain: every instruction of the image lies in it, this one too. */
static inline uintptr_t domain_base(void)
{
	uintptr_t here;

	__asm__("lea (%%rip), %0" : "=r"(here));
	return here & ~(uintptr_t)(PORTCULLIS_DOMAIN_SIZE - 1);
}

static inline const struct portcullis_gate_data *domain_gate_data(void)
{
	return (const struct portcullis_gate_data *)(domain_base() + PORTCULLIS_GATE_DATA_OFFSET);
}

/* The calling thread's slot, below PORTCULLIS_THREADS_MAX. */
unsigned domain_thread_slot(void);

#endif
