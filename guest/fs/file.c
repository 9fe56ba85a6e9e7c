/* Open files, descriptor tables, working directories. */
#include "fs/file.h"

#include "fs/descriptor.h"
#include "fs/fcntl.h"
#include "fs/inode.h"
#include "fs/lock.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "proc/process.h"

static bool writes_file(const struct file *file)
{
	unsigned access = file->flags & O_ACCMODE;

	return file->inode->kind == INODE_FILE && !(file->flags & O_PATH) &&
	       (access == O_WRONLY || access == O_RDWR);
}

struct file *file_create(struct inode *inode, const struct file_ops *ops, unsigned flags)
{
	struct file *file = kzalloc(sizeof(*file));

	if (!file)
		return NULL;
	file->references = 1;
	file->flags = flags;
	file->inode = inode;
	file->ops = ops;
	inode_get(inode);
	if (writes_file(file))
		inode->writers++;
	return file;
}

void file_get(struct file *file)
{
	file->references++;
}

void file_put(struct file *file)
{
	if (--file->references)
		return;
	locks_release_file(file);
	if (writes_file(file))
		file->inode->writers--;
	if (file->ops->release)
		file->ops->release(file);
	inode_put(file->inode);
	kfree(file);
}

struct fd_table *fd_table_create(void)
{
	struct fd_table *table = kzalloc(sizeof(*table));

	if (table)
		table->references = 1;
	return table;
}

struct fd_table *fd_table_copy(struct fd_table *table)
{
	struct fd_table *copy = fd_table_create();

	if (!copy)
		return NULL;
	for (int fd = 0; fd < OPEN_MAX; fd++) {
		if (!table->files[fd])
			continue;
		file_get(table->files[fd]);
		copy->files[fd] = table->files[fd];
		copy->close_on_exec[fd] = table->close_on_exec[fd];
	}
	return copy;
}

void fd_table_put(struct fd_table *table)
{
	if (--table->references)
		return;
	for (int fd = 0; fd < OPEN_MAX; fd++)
		if (table->files[fd])
			fd_close(table, fd);
	kfree(table);
}

void fd_table_close_on_exec(struct fd_table *table)
{
	for (int fd = 0; fd < OPEN_MAX; fd++)
		if (table->files[fd] && table->close_on_exec[fd])
			fd_close(table, fd);
}

long fd_close(struct fd_table *table, int fd)
{
	struct file *file;

	if ((unsigned)fd >= OPEN_MAX || !table->files[fd])
		return -EBADF;
	file = table->files[fd];
	table->files[fd] = NULL;
	table->close_on_exec[fd] = false;
	/* POSIX: closing any descriptor of a file ends the process's locks on it. */
	locks_release_owner(file->inode, table);
	file_put(file);
	return 0;
}

struct file *fd_get_any(int fd)
{
	if ((unsigned)fd >= OPEN_MAX)
		return NULL;
	return current_process()->files->files[fd];
}

struct file *fd_get(int fd)
{
	struct file *file = fd_get_any(fd);

	return file && !(file->flags & O_PATH) ? file : NULL;
}

unsigned fd_limit(void)
{
	struct thread *thread = current_thread();
	uint64_t limit = OPEN_MAX;

	if (thread && thread->process) /* none while the kernel starts its first program */
		limit = MIN(limit, thread->process->soft_limits[RLIMIT_NOFILE]);
	return (unsigned)limit;
}

long fd_lowest(struct fd_table *table, int from)
{
	for (unsigned fd = from, limit = fd_limit(); fd < limit; fd++)
		if (!table->files[fd])
			return fd;
	return -EMFILE;
}

long fd_install(struct fd_table *table, struct file *file, int from, bool close_on_exec)
{
	long fd = fd_lowest(table, from);

	if (fd >= 0) {
		table->files[fd] = file;
		table->close_on_exec[fd] = close_on_exec;
	}
	return fd;
}

struct fs_context *fs_context_create(void)
{
	struct fs_context *context = kmalloc(sizeof(*context));

	if (!context)
		return NULL;
	*context = (struct fs_context){.references = 1, .cwd = root_directory, .umask = 022};
	inode_get(root_directory);
	return context;
}

struct fs_context *fs_context_copy(struct fs_context *context)
{
	struct fs_context *copy = kmalloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *context;
	copy->references = 1;
	inode_get(copy->cwd);
	return copy;
}

void fs_context_put(struct fs_context *context)
{
	if (--context->references)
		return;
	inode_put(context->cwd);
	kfree(context);
}
