/* Descriptor tables, for the system calls that change them. */
#ifndef GUEST_FS_DESCRIPTOR_H
#define GUEST_FS_DESCRIPTOR_H

#include "fs/file.h"

/* The number that no descriptor of the current process may reach: RLIMIT_NOFILE, at most OPEN_MAX. */
unsigned fd_limit(void);
/* The lowest free descriptor at or above `from`, or -EMFILE. */
long fd_lowest(struct fd_table *table, int from);
/* 0 or -EBADF. */
long fd_close(struct fd_table *table, int fd);

#endif
