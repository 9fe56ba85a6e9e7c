#include "fs/path.h"

#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/process.h"

static const char *skip_slashes(const char *text)
{
	while (*text == '/')
		text++;
	return text;
}

static size_t component_length(const char *text)
{
	size_t length = 0;

	while (text[length] && text[length] != '/')
		length++;
	return length;
}

static enum last_component component_kind(const char *name, size_t length)
{
	if (length == 1 && name[0] == '.')
		return LAST_DOT;
	if (length == 2 && name[0] == '.' && name[1] == '.')
		return LAST_DOTDOT;
	return LAST_NAME;
}

long path_last(const struct path *path, struct inode **inode)
{
	struct directory_entry *entry;

	switch (path->last) {
	case LAST_ROOT:
		*inode = root_directory;
		return 0;
	case LAST_DOT:
		*inode = path->directory;
		return 0;
	case LAST_DOTDOT:
		*inode = path->directory->parent;
		return 0;
	case LAST_NAME:
		break;
	}
	if (path->length > NAME_MAX)
		return -ENAMETOOLONG;
	entry = directory_find(path->directory, path->name, path->length);
	*inode = entry ? entry->inode : NULL;
	return 0;
}

long path_link(struct inode *link, const char **text, struct inode **inode)
{
	const struct dynamic_link *dynamic = link->private;

	*text = link->target;
	if (link->target)
		return 0;
	*inode = dynamic->follow();
	return *inode ? 0 : -ENOENT;
}

long path_continue(struct path *path, const char *text)
{
	/* What remains behind each symbolic link that is being followed: never empty. */
	const char *rest[SYMLINKS_MAX];
	unsigned depth = 0;

	if (*text == '/')
		path->directory = root_directory;
	text = skip_slashes(text);
	path->slash = false;
	path->last = LAST_ROOT;
	if (!*text)
		return 0;
	for (;;) {
		struct inode *inode;
		const char *after;
		long error;

		if (path->directory->kind != INODE_DIRECTORY)
			return -ENOTDIR;
		error = inode_permission(path->directory, MAY_EXEC);
		if (error < 0)
			return error;
		path->name = text;
		path->length = component_length(text);
		path->last = component_kind(text, path->length);
		after = skip_slashes(text + path->length);
		if (!*after && !depth) {
			path->slash = text[path->length] == '/';
			return 0;
		}
		if (!*after)
			after = rest[--depth];
		text = after;
		error = path_last(path, &inode);
		if (error < 0)
			return error;
		if (!inode)
			return -ENOENT;
		if (inode->kind == INODE_SYMLINK) {
			const char *target;

			if (path->links++ >= SYMLINKS_MAX)
				return -ELOOP;
			error = path_link(inode, &target, &inode);
			if (error < 0)
				return error;
			if (target) {
				if (*target == '/')
					path->directory = root_directory;
				target = skip_slashes(target);
				if (*target) {
					rest[depth++] = after;
					text = target;
				}
				continue;
			}
		}
		path->directory = inode;
	}
}

long path_parent(int directory, const char *text, struct path *path)
{
	struct thread *thread = current_thread();

	*path = (struct path){.directory = root_directory};
	if (!*text)
		return -ENOENT;
	if (*text != '/' && directory != AT_FDCWD) {
		struct file *file = fd_get_any(directory);

		if (!file)
			return -EBADF;
		path->directory = file->inode;
	} else if (*text != '/' && thread && thread->process && thread->process->fs) {
		path->directory = thread->process->fs->cwd;
	}
	return path_continue(path, text);
}

/* Follows from the last component on. *inode is borrowed. */
static long finish(struct path *path, unsigned flags, struct inode **inode)
{
	for (;;) {
		const char *target;
		long error = path_last(path, inode);

		if (error < 0)
			return error;
		if (!*inode)
			return -ENOENT;
		if (path->slash)
			flags |= PATH_FOLLOW | PATH_DIRECTORY;
		if ((*inode)->kind == INODE_SYMLINK && (flags & PATH_FOLLOW)) {
			if (path->links++ >= SYMLINKS_MAX)
				return -ELOOP;
			error = path_link(*inode, &target, inode);
			if (!error && target) {
				error = path_continue(path, target);
				if (!error)
					continue;
			}
			if (error < 0)
				return error;
		}
		if ((flags & PATH_DIRECTORY) && (*inode)->kind != INODE_DIRECTORY)
			return -ENOTDIR;
		return 0;
	}
}

long path_resolve(int directory, const char *text, unsigned flags, struct inode **inode)
{
	struct path path;
	long error;

	if (!*text && (flags & PATH_EMPTY)) {
		struct file *file = NULL;

		if (directory != AT_FDCWD) {
			file = fd_get_any(directory);
			if (!file)
				return -EBADF;
		}
		*inode = file ? file->inode : current_process()->fs->cwd;
		inode_get(*inode);
		return 0;
	}
	error = path_parent(directory, text, &path);
	if (!error)
		error = finish(&path, flags, inode);
	if (!error)
		inode_get(*inode);
	return error;
}

long path_lookup(const char *path, struct inode **inode)
{
	return path_resolve(AT_FDCWD, path, PATH_FOLLOW, inode);
}

static long copy_path(uint64_t user, bool empty, char **text)
{
	long length;

	*text = kmalloc(PATH_MAX);
	if (!*text)
		return -ENOMEM;
	length = copy_string_from_user(*text, user, PATH_MAX);
	if (length > 0 || (length == 0 && empty))
		return 0;
	kfree(*text);
	return length < 0 ? length : -ENOENT;
}

long path_copy(uint64_t user, char **text)
{
	return copy_path(user, false, text);
}

long path_resolve_user(int directory, uint64_t user, unsigned flags, struct inode **inode)
{
	char *text;
	long error = copy_path(user, flags & PATH_EMPTY, &text);

	if (error < 0)
		return error;
	error = path_resolve(directory, text, flags, inode);
	kfree(text);
	return error;
}
