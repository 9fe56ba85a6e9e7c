/*
 * Paths. No thread switch happens during a look-up, so it takes no references on the way; results that
 * outlive the system call's next sleep are references, and say so.
 */
#ifndef GUEST_FS_PATH_H
#define GUEST_FS_PATH_H

#include "fs/fcntl.h"
#include "fs/inode.h"

#define SYMLINKS_MAX 40 /* followed in one look-up; then -ELOOP */

#define PATH_FOLLOW    1 /* the last component, if it is a symbolic link */
#define PATH_DIRECTORY 2 /* it must be a directory (-ENOTDIR) */
#define PATH_EMPTY     4 /* "" names what the descriptor names (AT_EMPTY_PATH) */

enum last_component { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

/* Where a path leads: its last component, not looked up, in its directory. */
struct path {
	struct inode *directory; /* borrowed */
	enum last_component last;
	const char *name; /* of LAST_NAME, in the path's own text; not terminated */
	size_t length;
	bool slash;     /* a slash follows the last component */
	unsigned links; /* symbolic links followed so far */
};

/*
 * Walks `text` up to its last component. `directory` is where a relative one starts (AT_FDCWD or a
 * descriptor). 0, -ENOENT (also for ""), -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EBADF.
 */
long path_parent(int directory, const char *text, struct path *path);

/* Goes on through the symbolic link that the last component was found to be. As path_parent. */
long path_continue(struct path *path, const char *text);

/*
 * Looks the last component up in its directory: *inode is borrowed, NULL when there is no such name. 0,
 * -EACCES, -ENAMETOOLONG.
 */
long path_last(const struct path *path, struct inode **inode);

/* The text of a symbolic link, or where a dynamic one leads (then *text is NULL and *inode set, borrowed). */
long path_link(struct inode *link, const char **text, struct inode **inode);

/* Looks up everything. *inode gets a reference. PATH_*; errors as above. */
long path_resolve(int directory, const char *text, unsigned flags, struct inode **inode);

/* Copies a path from user memory into a buffer that the caller frees. 0, -EFAULT, -ENAMETOOLONG, -ENOENT for
 * "", -ENOMEM. */
long path_copy(uint64_t user, char **text);

/* path_copy and path_resolve. */
long path_resolve_user(int directory, uint64_t user, unsigned flags, struct inode **inode);

#endif
