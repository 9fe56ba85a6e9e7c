/*
 * Reads a cpio archive in the "newc" format (cpio(5)): for each entry a header of 110 bytes in hexadecimal
 * ASCII, the name with its NUL, the data; name and data padded to a multiple of four bytes; an entry
 * "TRAILER!!!" at the end. Pure: touches nothing but the archive's bytes, any of which may be wrong.
 */
#ifndef GUEST_FS_CPIO_H
#define GUEST_FS_CPIO_H

#include <stddef.h>
#include <stdint.h>

#define CPIO_NAME_MAX 4095 /* longer names are an error */

struct cpio_entry {
	const char *name; /* in the archive, terminated, not empty */
	uint32_t inode;   /* with `device`: the same for all names of one file */
	uint64_t device;
	uint32_t mode, uid, gid, links;
	uint32_t mtime;      /* seconds */
	const uint8_t *data; /* in the archive; a symbolic link's target, not terminated */
	size_t size;
};

struct cpio_reader {
	const uint8_t *archive;
	size_t size;
	size_t at;
	unsigned number;    /* of the entry that was read last, from 1 */
	const char *reason; /* after CPIO_ERROR: goes on after "entry NUMBER ": "ends beyond the archive" */
};

enum cpio_result { CPIO_ENTRY, CPIO_END, CPIO_ERROR };

void cpio_begin(struct cpio_reader *reader, const void *archive, size_t size);
enum cpio_result cpio_next(struct cpio_reader *reader, struct cpio_entry *entry);

#endif
