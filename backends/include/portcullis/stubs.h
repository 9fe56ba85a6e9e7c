/* What a generated stub file (backends/tools/imagerule/generate.py) hands to the application's runtime. */
#ifndef PORTCULLIS_STUBS_H
#define PORTCULLIS_STUBS_H

#include <stdint.h>

#define PORTCULLIS_STUBS_DETACHED (-1)

/*
 * One for each library, in the section "portcullis_stubs", which the runtime walks. All that it leads to is
 * part of the stub file; the runtime alone writes `domain` and, besides the kernel in an attach, the slots.
 */
struct portcullis_stubs {
	const char *name;
	uint64_t interface; /* as in struct portcullis_image */
	uint64_t *slots;    /* `count` addresses that the stubs jump to, in the order of the exports file */
	uint32_t count;
	int32_t domain;    /* number of the domain, or PORTCULLIS_STUBS_DETACHED */
	uint64_t detached; /* address that the slots hold then */
};

/* Where the slots of a library lead that is not attached: prints which, and aborts. */
_Noreturn void portcullis_not_attached(const struct portcullis_stubs *stubs);

#endif
