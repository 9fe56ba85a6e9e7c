/*
 * Pipes: up to 16 pages of bytes between a reading and a writing end, as in Linux: a write of at most
 * PIPE_BUF bytes goes into one page (joining the last one when it fits whole), so that it is never torn; the
 * pipe is full when all pages are in use, however little the oldest still holds.
 */
#include "fs/pipe.h"

#include "fs/descriptor.h"
#include "fs/fcntl.h"
#include "fs/inode.h"
#include "fs/io.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/process.h"

#define PIPE_PAGES 16 /* 64 KiB */
#define FIONREAD   0x541b

struct pipe_page {
	char *bytes; /* a page; NULL: not in use */
	unsigned start, end;
};

struct pipe {
	struct pipe_page pages[PIPE_PAGES]; /* a ring */
	unsigned first, count;
	bool has_reader, has_writer;
	struct wait_queue readable, writable;
};

static struct pipe_page *last_page(struct pipe *pipe)
{
	return &pipe->pages[(pipe->first + pipe->count - 1) % PIPE_PAGES];
}

static void drop_first_page(struct pipe *pipe)
{
	kfree(pipe->pages[pipe->first].bytes);
	pipe->pages[pipe->first].bytes = NULL;
	pipe->first = (pipe->first + 1) % PIPE_PAGES;
	pipe->count--;
}

/* Moves what is there. Bytes, or -EFAULT. */
static long take(struct pipe *pipe, struct user_io *io)
{
	long done = 0;

	while (io->left && pipe->count) {
		struct pipe_page *page = &pipe->pages[pipe->first];
		size_t size = MIN(io->left, page->end - page->start);
		size_t moved = io_to_user(io, page->bytes + page->start, size);

		page->start += moved;
		done += moved;
		if (page->start == page->end)
			drop_first_page(pipe);
		if (moved < size)
			return done ? done : -EFAULT;
	}
	return done;
}

static long pipe_read(struct file *file, struct user_io *io, uint64_t *position)
{
	struct pipe *pipe = file->inode->private;
	struct wait_entry entry;
	long done;

	(void)position;
	if (!io->left)
		return 0;
	wait_begin(&pipe->readable, &entry);
	while (!pipe->count && pipe->has_writer) {
		done = file->flags & O_NONBLOCK ? -EAGAIN : thread_block(NO_DEADLINE) ? -ERESTARTSYS : 0;
		if (done < 0)
			goto out;
	}
	done = take(pipe, io);
	if (done > 0)
		wake_all(&pipe->writable);
out:
	wait_end(&entry);
	return done;
}

/* Joins the odd bytes of a write to the last page if they fit whole. Bytes, or -EFAULT. */
static long join_last_page(struct pipe *pipe, struct user_io *io)
{
	size_t odd = io->left % PAGE_SIZE;
	struct pipe_page *page;
	size_t moved;

	if (!pipe->count || !odd)
		return 0;
	page = last_page(pipe);
	if (odd > PAGE_SIZE - page->end)
		return 0;
	moved = io_from_user(io, page->bytes + page->end, odd);
	if (moved < odd)
		return -EFAULT;
	page->end += moved;
	return moved;
}

/* Fills one new page. Bytes, or -EFAULT, -ENOMEM. */
static long add_page(struct pipe *pipe, struct user_io *io)
{
	size_t size = MIN(io->left, PAGE_SIZE);
	char *bytes = kmalloc(PAGE_SIZE);

	if (!bytes)
		return -ENOMEM;
	if (io_from_user(io, bytes, size) < size) {
		kfree(bytes);
		return -EFAULT;
	}
	pipe->count++;
	*last_page(pipe) = (struct pipe_page){.bytes = bytes, .end = (unsigned)size};
	return (long)size;
}

static long broken_pipe(void)
{
	struct signal_info info = signal_from_current(SIGPIPE, SI_USER);

	signal_send_thread(current_thread(), &info);
	return -EPIPE;
}

static long pipe_write(struct file *file, struct user_io *io, uint64_t *position)
{
	struct pipe *pipe = file->inode->private;
	struct wait_entry entry;
	long done = 0, moved;

	(void)position;
	if (!io->left)
		return 0;
	if (!pipe->has_reader)
		return broken_pipe();
	wait_begin(&pipe->writable, &entry);
	moved = join_last_page(pipe, io);
	while (moved >= 0) {
		done += moved;
		if (moved)
			wake_all(&pipe->readable);
		if (!io->left)
			break;
		if (!pipe->has_reader)
			moved = broken_pipe();
		else if (pipe->count < PIPE_PAGES)
			moved = add_page(pipe, io);
		else if (file->flags & O_NONBLOCK)
			moved = -EAGAIN;
		else
			moved = thread_block(NO_DEADLINE) ? -ERESTARTSYS : 0;
	}
	wait_end(&entry);
	if (done)
		inode_modified(file->inode);
	return done ? done : moved;
}

static unsigned pipe_poll_reader(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = file->inode->private;

	poll_wait(table, &pipe->readable);
	return (pipe->count ? POLLIN | POLLRDNORM : 0) | (pipe->has_writer ? 0 : POLLHUP);
}

static unsigned pipe_poll_writer(struct file *file, struct poll_table *table)
{
	struct pipe *pipe = file->inode->private;

	poll_wait(table, &pipe->writable);
	return (pipe->count < PIPE_PAGES ? POLLOUT | POLLWRNORM : 0) | (pipe->has_reader ? 0 : POLLERR);
}

static long pipe_ioctl(struct file *file, unsigned command, uint64_t argument)
{
	const struct pipe *pipe = file->inode->private;
	uint32_t bytes = 0;

	if (command != FIONREAD)
		return -ENOTTY;
	for (unsigned i = 0; i < pipe->count; i++) {
		const struct pipe_page *page = &pipe->pages[(pipe->first + i) % PIPE_PAGES];

		bytes += page->end - page->start;
	}
	return put_user_u32(argument, bytes);
}

static void free_if_unused(struct pipe *pipe)
{
	if (pipe->has_reader || pipe->has_writer)
		return;
	while (pipe->count)
		drop_first_page(pipe);
	kfree(pipe);
}

static void pipe_release_reader(struct file *file)
{
	struct pipe *pipe = file->inode->private;

	pipe->has_reader = false;
	wake_all(&pipe->writable);
	free_if_unused(pipe);
}

static void pipe_release_writer(struct file *file)
{
	struct pipe *pipe = file->inode->private;

	pipe->has_writer = false;
	wake_all(&pipe->readable);
	free_if_unused(pipe);
}

static const struct file_ops reader_ops = {
        .read = pipe_read,
        .poll = pipe_poll_reader,
        .ioctl = pipe_ioctl,
        .release = pipe_release_reader,
};

static const struct file_ops writer_ops = {
        .write = pipe_write,
        .poll = pipe_poll_writer,
        .ioctl = pipe_ioctl,
        .release = pipe_release_writer,
};

long pipe_capacity(const struct file *file)
{
	return file->inode->kind == INODE_PIPE ? PIPE_PAGES * (long)PAGE_SIZE : -EBADF;
}

long pipe_create(unsigned flags, struct file **reader, struct file **writer)
{
	struct inode *inode = inode_create(INODE_PIPE, 0600);
	struct pipe *pipe = kzalloc(sizeof(*pipe));

	*reader = *writer = NULL;
	if (!inode || !pipe)
		goto fail;
	pipe->has_reader = pipe->has_writer = true;
	wait_queue_init(&pipe->readable);
	wait_queue_init(&pipe->writable);
	inode->links = 1;
	inode->private = pipe;
	*reader = file_create(inode, &reader_ops, O_RDONLY | flags);
	if (!*reader)
		goto fail;
	*writer = file_create(inode, &writer_ops, O_WRONLY | flags);
	if (!*writer) {
		pipe->has_writer = false;
		file_put(*reader); /* frees the pipe */
		inode_put(inode);
		return -ENOMEM;
	}
	inode_put(inode); /* the files hold it */
	return 0;
fail:
	kfree(pipe);
	if (inode)
		inode_put(inode);
	return -ENOMEM;
}

long sys_pipe2(uint64_t descriptors, unsigned flags)
{
	struct fd_table *table = current_process()->files;
	bool close_on_exec = flags & O_CLOEXEC;
	struct file *reader, *writer;
	int32_t fds[2];
	long error;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	error = pipe_create(flags & O_NONBLOCK, &reader, &writer);
	if (error < 0)
		return error;
	fds[0] = (int32_t)fd_install(table, reader, 0, close_on_exec);
	if (fds[0] < 0) {
		file_put(reader);
		file_put(writer);
		return fds[0];
	}
	fds[1] = (int32_t)fd_install(table, writer, 0, close_on_exec);
	if (fds[1] < 0) {
		fd_close(table, fds[0]);
		file_put(writer);
		return fds[1];
	}
	error = copy_to_user(descriptors, fds, sizeof(fds));
	if (error < 0) {
		fd_close(table, fds[0]);
		fd_close(table, fds[1]);
	}
	return error;
}

long sys_pipe(uint64_t descriptors)
{
	return sys_pipe2(descriptors, 0);
}
