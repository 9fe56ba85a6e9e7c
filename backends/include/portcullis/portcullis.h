/*
 * For applications: attaching to protected libraries.
 *
 * Link NAME_stubs.o instead of the library and libportcullis.a; include the library's own header as before.
 * Each of the library's functions may be called from the return of portcullis_attach("NAME", ...) to
 * portcullis_detach("NAME"); outside of that, a call ends the program with a message.
 */
#ifndef PORTCULLIS_PORTCULLIS_H
#define PORTCULLIS_PORTCULLIS_H

#include "portcullis/abi.h"

/*
 * Attaches this process to the library `name`, whose stubs it links, in a domain of its own
 * (PORTCULLIS_PRIVATE) or in the one that is shared by all who attach so (PORTCULLIS_SHARED). The image is
 * NAME.image in the directory that the environment variable PORTCULLIS_IMAGES names, else in
 * PORTCULLIS_IMAGE_DIRECTORY.
 *
 * 0, or -1 with errno set (see domain_attach in abi.h; ENOENT also: this program links no stubs of that name)
 * and a sentence in portcullis_error(). Not to be called by two threads at once for the same library.
 *
 * The child of a fork is attached to the same libraries: to the same shared domains, as a client of its own,
 * and to copies of the private ones. A new program (execve) starts without any.
 */
int portcullis_attach(const char *name, unsigned flags);

/*
 * Leaves it; a private domain is gone then, and a shared one with its last client. 0, or -1 with errno set
 * and a sentence in portcullis_error(): ENOENT (not attached), EBUSY (a thread of this process is inside, or
 * an attached library calls this one). Exit and execve detach by themselves.
 */
int portcullis_detach(const char *name);

/*
 * A library that crashes, or that takes longer for one call than its budget, fails as a whole: that call, those that are going on
 * and all later ones return PORTCULLIS_FAILED (-1, (void *)-1) to every process that is attached, whatever the
 * functions' types. This tells that from a function's own -1: NULL while `name` works, or one sentence on why it has failed.
 * Detach, and attach again to a fresh one.
 */
const char *portcullis_failure(const char *name);

/* Name of the backend that this process runs on, or "unknown". The text is the runtime's, one a thread. */
const char *portcullis_backend(void);

/*
 * One sentence, without its full stop, on this thread's last attach or detach that failed; empty before the
 * first. The text is the runtime's, and changes with the next failure.
 */
const char *portcullis_error(void);

#endif
