/*
 * For authors of protected libraries.
 *
 * An image brings its own memory: these functions, malloc and its family on top of them, and the string
 * functions in backends/library/ are linked into it as far as it uses them. Nothing here needs to be
 * initialised.
 *
 * The rule of thumb: an argument that points to application memory is read with portcullis_copy_in() and
 * written with portcullis_copy_out(), once each; a handle that the library gave out and gets back is checked
 * with portcullis_in_domain() and against the library's own records.
 */
#ifndef PORTCULLIS_LIBRARY_H
#define PORTCULLIS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "portcullis/abi.h"

/*
 * Private heap. `size` bytes from the domain's heap arena, 16-byte aligned, not cleared; NULL when the heap's
 * limit is reached. The block is the caller's until it is freed, whichever client it works for. Safe to call
 * from several threads. Freeing what is not an allocated block fails the domain; NULL is ignored.
 */
void *portcullis_alloc(size_t size);
void portcullis_free(void *memory);
size_t portcullis_usable_size(const void *memory); /* of an allocated block: bytes, at least as asked for */

/*
 * Mutual exclusion among the threads inside the domain, of all its clients; zeroes: free. The kernel ends no
 * thread inside a domain unless it fails the domain, so a lock is never left held. Not recursive. Threads do not take
 * turns, but none waits for ever. Keep it for a bounded time.
 */
struct portcullis_lock {
	unsigned held, urgent; /* 1; threads that have waited long */
};
void portcullis_lock(struct portcullis_lock *lock);
void portcullis_unlock(struct portcullis_lock *lock);

/*
 * Between application and domain: `size` bytes. 0, or -EFAULT when the application's range is not wholly
 * application memory or not mapped with the right needed; then a part may have been copied. What was copied
 * in may differ from what a second copy would bring: other threads of the application run meanwhile.
 */
int portcullis_copy_in(void *to, const void *application, size_t size);
int portcullis_copy_out(void *application, const void *from, size_t size);

/*
 * A NUL-terminated string of at most size - 1 characters, size > 0, into `to`, which has room for `size`
 * bytes. Its length without the NUL, -EFAULT, or -ENAMETOOLONG; on an error `to` holds no string.
 */
long portcullis_copy_in_string(char *to, const char *application, size_t size);

/* Does [pointer, pointer + size) lie wholly in this library's own domain, or in application memory? Overflow:
 * false. */
bool portcullis_in_domain(const void *pointer, size_t size);
bool portcullis_in_application(const void *pointer, size_t size);

/* Who is calling: the kernel's, which the library cannot write; valid until the entrance ends. */
const struct portcullis_client *portcullis_client(void);

/*
 * The library's own pointer for the calling client: NULL when a client first enters. What it leads to is the
 * library's; free it and set the pointer back to NULL in the teardown function, which is told the client:
 * portcullis_state_of(client).
 */
void **portcullis_client_state(void);
void **portcullis_state_of(const struct portcullis_client *client);

/*
 * Lets this library call the library `name`, whose stubs it links: usually from its init function. The
 * process is attached to it as portcullis_attach() would, unless it is already; a shared library can call
 * shared ones only. 0 or -errno, as domain_attach.
 */
int portcullis_attach_library(const char *name, unsigned flags);

/* A broken invariant of the library: stops it. The domain is failed; its clients get errors from then on. */
_Noreturn void portcullis_fail(void);

#endif
