/* Advisory locks: POSIX record locks (fcntl) and flock. They never stop a read or a write. */
#ifndef GUEST_FS_LOCK_H
#define GUEST_FS_LOCK_H

#include "fs/file.h"

struct file_locks; /* of one inode */

/* Drops the record locks of a process (its descriptor table stands for it). */
void locks_release_owner(struct inode *inode, const struct fd_table *owner);
/* Drops the flock of an open file description. */
void locks_release_file(struct file *file);
void locks_free(struct file_locks *locks); /* NULL is fine */

/* fcntl with F_GETLK, F_SETLK or F_SETLKW. */
long lock_control(struct file *file, int command, uint64_t argument);

#define F_GETLK  5
#define F_SETLK  6
#define F_SETLKW 7

#endif
