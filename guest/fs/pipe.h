/* Pipes: see pipe.c. */
#ifndef GUEST_FS_PIPE_H
#define GUEST_FS_PIPE_H

#include "fs/file.h"

/* One new pipe: its reading and its writing end, a reference each. `flags`: 0 or O_NONBLOCK. 0 or -ENOMEM. */
long pipe_create(unsigned flags, struct file **reader, struct file **writer);

/* The bytes that a pipe holds at most, or -EBADF for a file that is no pipe. */
long pipe_capacity(const struct file *file);

#endif
