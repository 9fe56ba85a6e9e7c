/* Inodes and directories: what the files of guest/fs share. See fs/file.h for struct inode. */
#ifndef GUEST_FS_INODE_H
#define GUEST_FS_INODE_H

#include "fs/file.h"

struct account;
struct credentials;

#define FILE_SIZE_MAX INT64_MAX /* s_maxbytes */

extern struct inode *root_directory;

/* Whose rights count: the current process's, or those of uid 0 while the kernel unpacks its archive. */
const struct credentials *fs_credentials(void);

/* Who pays for the pages of files: the current process's run, or nobody. */
struct account *fs_account(void);

/*
 * A new inode without a name: one reference, no links, mode's type bits from `kind`, owned by the current
 * credentials. NULL: out of memory.
 */
struct inode *inode_create(enum inode_kind kind, uint32_t permissions);
struct inode *inode_create_symlink(const char *target);

/* A new inode made in a directory with the set-group-id bit takes its group, and a directory the bit, too. */
void inode_inherit_group(struct inode *inode, const struct inode *directory);

/* A change of contents by anyone but uid 0 takes the set-id bits away. */
void inode_drop_set_id(struct inode *inode);

/* Set the times named to now. */
void inode_modified(struct inode *inode); /* mtime, ctime */
void inode_changed(struct inode *inode);  /* ctime */
void inode_accessed(struct inode *inode); /* atime, as rarely as Linux does with relatime */

/* Uid 0 or the owner: may change mode, owner and times. */
bool inode_is_owner(const struct inode *inode);

/* One name in a directory. It holds a reference to the inode that it names. */
struct directory_entry {
	struct list link;        /* in directory->entries */
	struct list name_link;   /* in inode->names */
	struct inode *directory; /* borrowed */
	struct inode *inode;
	uint64_t position; /* for getdents64: grows with each entry made in the directory, from
	                      DIRECTORY_FIRST */
	size_t length;
	char name[];
};

#define DIRECTORY_FIRST 2 /* after "." and ".." */

/* The entry of that name (not "." or ".."), or NULL. */
struct directory_entry *directory_find(struct inode *directory, const char *name, size_t length);

/*
 * Names `inode` in the directory, where the name must be free; takes a reference of its own and counts the
 * link. 0, -ENOSPC when memory is out, -ENOENT when the directory has been removed.
 */
long directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode);
void directory_remove(struct directory_entry *entry);
/*
 * Moves an entry to a name in a directory (maybe its own), removing `target`, the entry that has the name (or
 * NULL). 0, or -ENOSPC with nothing changed.
 */
long directory_move(struct directory_entry *entry, struct directory_entry *target, struct inode *directory,
                    const char *name, size_t length);

/* Places a symbolic link, device or directory made by the kernel at boot; panics when memory is out. */
struct inode *directory_make(struct inode *parent, const char *name, struct inode *inode);

/*
 * A symbolic link whose target is found when it is followed (inode->private of a symbolic link without
 * target), like those of Linux's /proc: it leads to the inode itself, whatever its name is by now.
 */
struct dynamic_link {
	struct inode *(*follow)(void); /* borrowed; NULL: leads nowhere (-ENOENT) */
};

/* The absolute path of an inode that has a name, as Linux shows it. Length without NUL, -ENOENT or -ERANGE.
 */
long inode_path(struct inode *inode, char *to, size_t size);

/* Text of a symbolic link. Its length (no NUL is written), or -ENOENT for a dynamic one that leads nowhere.
 */
long inode_link_text(struct inode *inode, char *to, size_t size);

extern const struct file_ops regular_ops;
extern const struct file_ops directory_ops;

/* The most bytes that the current process may make a file grow to: RLIMIT_FSIZE, at most FILE_SIZE_MAX. */
uint64_t regular_size_limit(void);
/* A file would grow beyond that: sends SIGXFSZ if it is the process's own limit. -EFBIG. */
long regular_too_large(void);

/* Changes a regular file's size, from any to any. 0 or -EFBIG. */
long regular_resize(struct inode *inode, uint64_t size);
/* Writes kernel memory, extending the file. 0, -ENOSPC, -EFBIG. */
long regular_write_kernel(struct inode *inode, uint64_t offset, const void *from, size_t size);
/* Makes [offset, offset + size) read as zeroes, giving frames back where no mapping shows them. */
void regular_zero(struct inode *inode, uint64_t offset, uint64_t size);
/* Gives frames to every hole of [offset, offset + size). 0 or -ENOSPC. */
long regular_allocate(struct inode *inode, uint64_t offset, uint64_t size);

void devices_init(struct inode *dev);

#endif
