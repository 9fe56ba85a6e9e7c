/*
 * Files: inodes (in-memory), open files, descriptor tables, paths.
 */
#ifndef GUEST_FS_FILE_H
#define GUEST_FS_FILE_H

#include "lib/lib.h"
#include "lib/list.h"
#include "mm/memobj.h"
#include "proc/wait.h"

#define PATH_MAX 4096
#define NAME_MAX 255
#define OPEN_MAX 256 /* descriptors a process */

/* open(2) flags and modes: the Linux values, in fs/fcntl.h. */

enum inode_kind { INODE_FILE, INODE_DIRECTORY, INODE_SYMLINK, INODE_DEVICE, INODE_PIPE };

struct file;
struct file_ops;
struct file_locks;
struct user_io;

struct inode {
	unsigned references;
	enum inode_kind kind;
	uint64_t number;
	uint32_t mode; /* permission bits and S_IF* type */
	uint32_t uid, gid;
	uint32_t links;
	uint64_t size;                /* bytes */
	uint64_t atime, mtime, ctime; /* nanoseconds of CLOCK_REALTIME */
	uint64_t device;              /* st_rdev */
	struct memobj *data;          /* INODE_FILE */
	char *target;                 /* INODE_SYMLINK, kmalloc'ed */
	struct list entries;          /* INODE_DIRECTORY: struct directory_entry, in order of creation */
	struct inode *parent;       /* INODE_DIRECTORY: ".." (a reference; the root's own parent is itself) */
	unsigned writers;           /* files open for writing: it cannot be executed (-ETXTBSY) */
	unsigned executions;        /* processes that run it: it cannot be opened for writing (-ETXTBSY) */
	struct list names;          /* the directory entries that name it */
	struct file_locks *locks;   /* see fs/lock.h; NULL: never locked */
	const struct file_ops *ops; /* of a file opened on this inode */
	void *private;              /* of the ops: a pipe's state, ... */
};

void inode_get(struct inode *inode);
void inode_put(struct inode *inode);

/* Copies at most `size` bytes at `offset` of a regular file into kernel memory. Bytes copied (0 at the end).
 */
size_t inode_read(struct inode *inode, uint64_t offset, void *to, size_t size);

/* An open file description. */
struct file {
	unsigned references;
	unsigned flags; /* O_ACCMODE, O_APPEND, O_NONBLOCK */
	uint64_t position;
	struct inode *inode; /* owned reference */
	const struct file_ops *ops;
	void *private;
};

/* What poll asks for and gets: POLLIN and so on, see fs/fcntl.h. */
struct file_ops {
	/*
	 * Move bytes between the file and user memory (fs/io.h) and advance `position`. Bytes moved or
	 * -errno; may block (then -ERESTARTSYS). NULL: -EINVAL.
	 */
	long (*read)(struct file *file, struct user_io *io, uint64_t *position);
	long (*write)(struct file *file, struct user_io *io, uint64_t *position);
	/*
	 * Events that are ready now; adds the thread's entries to the queues that will tell of more, if
	 * `table`. NULL: always ready to read and write.
	 */
	unsigned (*poll)(struct file *file, struct poll_table *table);
	long (*ioctl)(struct file *file, unsigned command, uint64_t argument); /* NULL: -ENOTTY */
	/* The memory object that a mapping of this file shows (borrowed); NULL: cannot be mapped (-ENODEV).
	 */
	struct memobj *(*map)(struct file *file);
	/* lseek, SEEK_SET to SEEK_HOLE; NULL: lseek, pread and pwrite are -ESPIPE. */
	long (*seek)(struct file *file, int64_t offset, int whence);
	long (*open)(struct file *file);    /* 0 or -errno; NULL: nothing to do */
	void (*release)(struct file *file); /* at the last close; NULL: nothing to do */
};

/* A file on `inode` (which gets a reference), one reference. NULL: out of memory. */
struct file *file_create(struct inode *inode, const struct file_ops *ops, unsigned flags);
void file_get(struct file *file);
void file_put(struct file *file);

struct fd_table {
	unsigned references; /* shared with CLONE_FILES */
	struct file *files[OPEN_MAX];
	bool close_on_exec[OPEN_MAX];
};

struct fd_table *fd_table_create(void);
struct fd_table *fd_table_copy(struct fd_table *table); /* for fork; NULL: out of memory */
void fd_table_put(struct fd_table *table);
void fd_table_close_on_exec(struct fd_table *table);

/*
 * The current process's file at `fd`, borrowed, or NULL (EBADF). _any also finds those of O_PATH, which have
 * no operations.
 */
struct file *fd_get(int fd);
struct file *fd_get_any(int fd);
/*
 * The lowest free descriptor at or above `from`, pointing to `file` (the reference moves, unless it fails).
 * The number or -EMFILE.
 */
long fd_install(struct fd_table *table, struct file *file, int from, bool close_on_exec);

/* Working directory and umask. */
struct fs_context {
	unsigned references; /* shared with CLONE_FS */
	struct inode *cwd;
	uint32_t umask;
};

struct fs_context *fs_context_create(void); /* root directory, umask 022 */
struct fs_context *fs_context_copy(struct fs_context *context);
void fs_context_put(struct fs_context *context);

/*
 * Looks `path` up (kernel memory) from the current working directory, following symbolic links; *inode gets a
 * reference. 0 or -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG.
 */
long path_lookup(const char *path, struct inode **inode);
/* Opens for the kernel's own use (stdin of a run and the like). */
long file_open(const char *path, unsigned flags, uint32_t mode, struct file **file);

#define MAY_READ  4
#define MAY_WRITE 2
#define MAY_EXEC  1
long inode_permission(struct inode *inode, unsigned may); /* 0 or -EACCES, for the current credentials */

void fs_init(void); /* root directory and /dev */

/*
 * Unpacks a cpio archive ("newc") into the root directory. 0, or -EINVAL or -ENOMEM with *reason set to a
 * sentence
 * ("entry 3 ends beyond the archive").
 */
long cpio_unpack(const void *archive, size_t size, const char **reason);

#endif
