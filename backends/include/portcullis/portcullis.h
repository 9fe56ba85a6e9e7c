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
 * 0, or -1 with errno set (see domain_attach in abi.h) and a sentence in portcullis_error(). Not to be called
 * by two threads at once for the same library.
 */
int portcullis_attach(const char *name, unsigned flags);

/* Leaves it. 0, or -1: ENOENT (not attached), EBUSY (a thread of this process is inside). */
int portcullis_detach(const char *name);

/* Name of the backend that this process runs on, or "unknown". */
const char *portcullis_backend(void);

/* One sentence on this thread's last attach or detach that failed; empty before the first. */
const char *portcullis_error(void);

#endif
