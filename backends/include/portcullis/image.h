/*
 * An image: the file that holds a protected library. See "Image format" in backends/README.md.
 *
 * ELF64 shared object (System V ABI, chapters 4 and 5; AMD64 supplement for R_X86_64_RELATIVE) linked at
 * address 0: read-only, executable and writable LOAD segments on pages of their own, RELATIVE relocations
 * alone, nothing to look up. The ELF entry is the address of its descriptor, which lies in read-only data and
 * holds no address: every reference is a distance from the descriptor's first byte, so that it is valid
 * before relocation.
 */
#ifndef PORTCULLIS_IMAGE_H
#define PORTCULLIS_IMAGE_H

#include "portcullis/layout.h"

#define PORTCULLIS_IMAGE_MAGIC     0x4d494350 /* "PCIM", little endian */
#define PORTCULLIS_IMAGE_VERSION   2
#define PORTCULLIS_IMAGE_NAME_SIZE 32 /* of a library's name, NUL included */
#define PORTCULLIS_SHARE_USERS_MAX 8

/* Who may attach to the library's shared domain. Anybody who can read the image may attach privately. */
#define PORTCULLIS_SHARE_NONE  0
#define PORTCULLIS_SHARE_OWNER 1 /* the user who owns the image file */
#define PORTCULLIS_SHARE_ANY   2
#define PORTCULLIS_SHARE_USERS 3 /* the listed uids */

#define PORTCULLIS_ENTRY_VECTOR 1 /* takes or returns floating-point values: the result may be in XMM0 */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct portcullis_entry {
	int64_t function; /* distance; in an executable segment */
	uint16_t argument_count;
	uint16_t flags; /* PORTCULLIS_ENTRY_* */
	uint32_t name;  /* distance of a NUL-terminated string, inside the descriptor */
};

struct portcullis_image {
	uint32_t magic;
	uint32_t version;
	uint32_t size; /* of this structure, the entries and their names */
	uint32_t entry_count;
	uint64_t interface; /* hash of the library's name and its entry points' names and counts */
	char name[PORTCULLIS_IMAGE_NAME_SIZE]; /* NUL-terminated, then zeroes */
	uint32_t share;                        /* PORTCULLIS_SHARE_* */
	uint32_t share_user_count;
	uint32_t share_users[PORTCULLIS_SHARE_USERS_MAX];
	uint64_t heap_limit; /* bytes, whole pages, at most PORTCULLIS_HEAP_MAX */
	uint64_t stack_size; /* bytes per thread, whole pages, 1 page to PORTCULLIS_STACK_MAX */
	uint64_t budget;     /* nanoseconds of CPU time that one call may take; 0: the kernel's default */

	/* Distances of functions; 0: none. */
	int64_t init;     /* int init(void): once, when the domain is created; negative: -errno, it is not */
	int64_t teardown; /* void teardown(const struct portcullis_client *): a client has left or died */

	/*
	 * Distances. A page fault of an instruction in [copy_start, copy_end) at an address outside of the
	 * domain is a bad argument of the caller, not a fault of the library: the kernel continues at
	 * copy_fixup.
	 */
	int64_t copy_start;
	int64_t copy_end;
	int64_t copy_fixup;

	struct portcullis_entry entries[];
};

_Static_assert(sizeof(struct portcullis_entry) == 16 && sizeof(struct portcullis_image) == 160,
               "backends/tools/imagerule/generate.py writes these layouts");
#endif
#endif
