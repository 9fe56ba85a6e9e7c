/*
 * Between the kernel and the two runtimes (of the application and of the library): private system calls and
 * the pages that the kernel writes.
 */
#ifndef PORTCULLIS_ABI_H
#define PORTCULLIS_ABI_H

#include "portcullis/layout.h"

/*
 * domain_attach(const char *path, unsigned flags, uint64_t interface, uint64_t *slots, unsigned count)
 *
 * Loads the image at `path` into a domain, or joins the shared domain of that image, and writes what each
 * entry point's stub must jump to into slots[0..count-1]: the function itself under `none`, else its thunk in
 * the gate. `slots` is the caller's: an application's, or, when a library calls another one, that library's.
 *
 * The domain's number in this process (>= 0), or
 *
 * - -ENOEXEC: malformed image; PORTCULLIS_INFO_REASON says what is wrong
 * - -ESTALE: `interface` or `count` is not the image's: the stubs come from another exports file
 * - -EEXIST: this process is attached to this image already
 * - -EPERM: the image's manifest does not let this user, or anybody, share it; a shared library asks for a
 *   private one
 * - -EBUSY: a shared library that has several clients asks for another one
 * - -ENOSPC: the backend has no more domains, or the domain no more clients
 * - -EINTR: a signal came while another process initialised the domain, or init did not end by itself
 * - -ENOENT, -EACCES and the other errors of open(2), -EFAULT, -EINVAL (unknown flags), -ENOMEM
 * - what the library's init function returned, if negative
 */
#define PORTCULLIS_SYS_ATTACH 1024

/*
 * domain_detach(int domain): 0, or -EINVAL (no such domain), -EBUSY (a thread of this process is inside, or
 * another library calls this one), -EPERM (a library asks).
 */
#define PORTCULLIS_SYS_DETACH 1025

/*
 * domain_info(unsigned what, char *to, size_t size, int domain): a text, NUL-terminated, cut to `size` bytes.
 * Its length without the NUL, or -EINVAL (unknown `what`, size 0), -EFAULT.
 */
#define PORTCULLIS_SYS_INFO     1026
#define PORTCULLIS_INFO_BACKEND 0 /* name of the backend that this process runs on */
#define PORTCULLIS_INFO_REASON  1 /* sentence on this thread's last failed attach; empty if there is none */
#define PORTCULLIS_INFO_FAILURE                                                                              \
	2 /* why the domain with the number `domain` has failed; empty: it has not                           \
	   */

/* What a function of a failed domain returns, whatever its type: in RAX, so that a pointer is (void *)-1. */
#define PORTCULLIS_FAILED -1

/* domain_return(long value): ends a call that the kernel made into the library. For the gate area alone. */
#define PORTCULLIS_SYS_RETURN 1027

#define PORTCULLIS_PRIVATE 0u /* flags of domain_attach: a domain of this process alone */
#define PORTCULLIS_SHARED  1u /* the one domain of all processes that attach to the image so */

#define PORTCULLIS_IMAGE_DIRECTORY "/lib/portcullis" /* where NAME.image is looked for */

/*
 * The per-thread page that the kernel maps read-only at GS base, in every process and under every backend.
 * Offsets in bytes.
 */
#define PORTCULLIS_THREAD_PAGE_SLOT 0 /* uint64_t: this thread's slot, below PORTCULLIS_THREADS_MAX */
#define PORTCULLIS_THREAD_PAGE_PENDING                                                                       \
	8 /* uint64_t, under defer=flag: not 0 while an event waits, which the thread takes by setting its   \
	   * signal mask outside of libraries; it may stay as it is */

/* Offsets in bytes in the gate data. */
#define PORTCULLIS_GATE_DATA_MAGIC   0x45544147 /* "GATE", little endian */
#define PORTCULLIS_GATE_DATA_CLIENTS 0x1000
#define PORTCULLIS_GATE_DATA_THREADS 0x10000
#define PORTCULLIS_GATE_DATA_BACKEND 0x20000 /* from here to the end: the backend's own */
#define PORTCULLIS_THREAD_SHIFT      6       /* log2 of sizeof(struct portcullis_thread) */
#define PORTCULLIS_THREAD_STACK_TOP  0
#define PORTCULLIS_THREAD_CLIENT     8
#define PORTCULLIS_THREAD_GATE       16

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* A process that is attached to the domain. The kernel writes it: a client cannot forge it. */
struct portcullis_client {
	uint64_t id;    /* of this attachment, from 1; never used again while the system runs */
	uint32_t index; /* below PORTCULLIS_CLIENTS_MAX; used again once teardown() has returned */
	uint32_t pid;
	uint32_t uid; /* effective, at the time of the attach */
	uint32_t gid;
};

/* A thread of a client. Zeroes: this thread slot does not enter this domain. */
struct portcullis_thread {
	uint64_t stack_top; /* of its protected stack: an address, 16-byte aligned */
	uint64_t client;    /* address of its struct portcullis_client */
	uint64_t gate[6];   /* for the backend's gate */
};

struct portcullis_gate_data {
	uint32_t magic;
	uint32_t entry_count;
	uint64_t heap_limit; /* bytes of heap that the domain may use: at most what the image asks for */
	uint8_t unused[PORTCULLIS_GATE_DATA_CLIENTS - 16];
	struct portcullis_client clients[PORTCULLIS_CLIENTS_MAX];
	uint8_t unused_too[PORTCULLIS_GATE_DATA_THREADS - PORTCULLIS_GATE_DATA_CLIENTS -
	                   PORTCULLIS_CLIENTS_MAX * sizeof(struct portcullis_client)];
	struct portcullis_thread threads[PORTCULLIS_THREADS_MAX];
};

_Static_assert(sizeof(struct portcullis_thread) == 1 << PORTCULLIS_THREAD_SHIFT, "gates scale thread slots");
_Static_assert(offsetof(struct portcullis_thread, gate) == PORTCULLIS_THREAD_GATE, "gates use it");
_Static_assert(offsetof(struct portcullis_gate_data, threads) == PORTCULLIS_GATE_DATA_THREADS,
               "gates use it");
_Static_assert(sizeof(struct portcullis_gate_data) == PORTCULLIS_GATE_DATA_BACKEND,
               "the backend's part follows");

/* The system call instruction, for both runtimes: what the kernel returns, -errno included. */
long portcullis_system_call(long number, long a, long b, long c, long d, long e, long f);
#endif
#endif
