/*
 * Layouts that file calls exchange with programs: Linux on x86-64 (include/uapi: asm/stat.h,
 * asm-generic/statfs.h, linux/dirent.h, asm-generic/poll.h, linux/uio.h, linux/time.h, asm-generic/fcntl.h).
 * All fields little endian.
 */
#ifndef GUEST_FS_ABI_H
#define GUEST_FS_ABI_H

#include <stdint.h>

struct linux_timespec {
	int64_t seconds;
	int64_t nanoseconds;
};

struct linux_timeval {
	int64_t seconds;
	int64_t microseconds;
};

struct linux_stat {
	uint64_t device; /* of the file system */
	uint64_t inode;
	uint64_t links;
	uint32_t mode;
	uint32_t uid, gid;
	uint32_t padding;
	uint64_t special; /* device number of a device file */
	int64_t size;
	int64_t block_size;
	int64_t blocks; /* of 512 bytes */
	struct linux_timespec accessed, modified, changed;
	int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "struct stat of x86-64");

struct linux_statfs {
	int64_t type;
	int64_t block_size;
	uint64_t blocks, blocks_free, blocks_available;
	uint64_t files, files_free;
	int32_t id[2];
	int64_t name_max;
	int64_t fragment_size;
	int64_t flags;
	int64_t spare[4];
};
_Static_assert(sizeof(struct linux_statfs) == 120, "struct statfs of x86-64");

/* Followed by the NUL-terminated name; `length` counts everything and is a multiple of 8. */
struct linux_dirent64 {
	uint64_t inode;
	int64_t next; /* position of the entry after this one */
	uint16_t length;
	uint8_t type; /* DT_* */
	char name[];
} __attribute__((packed));

struct linux_pollfd {
	int32_t fd;
	int16_t events;
	int16_t ready;
};

struct linux_iovec {
	uint64_t base; /* user address */
	uint64_t length;
};

struct linux_flock {
	int16_t type;
	int16_t whence;
	int64_t start;
	int64_t length;
	int32_t pid;
};
_Static_assert(sizeof(struct linux_flock) == 32, "struct flock of x86-64");

#endif
