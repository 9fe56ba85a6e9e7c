/*
 * Calls that make, remove and move names: the checks in the order of Linux (fs/namei.c of Linux:
 * filename_create, may_delete, do_renameat2 and their callers).
 */
#include "fs/path.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "proc/process.h"

#define RENAME_NOREPLACE 1

/* A path from user memory, up to its last component. */
struct place {
	char *text;
	struct path path;
};

static long place_begin(struct place *place, int directory, uint64_t user)
{
	long error = path_copy(user, &place->text);

	if (error < 0)
		return error;
	error = path_parent(directory, place->text, &place->path);
	if (error < 0)
		kfree(place->text);
	return error;
}

static void place_end(struct place *place)
{
	kfree(place->text);
}

/* The entry that the last component names: *entry, or -ENOENT, -ENAMETOOLONG. */
static long find_entry(const struct path *path, struct directory_entry **entry)
{
	if (path->length > NAME_MAX)
		return -ENAMETOOLONG;
	*entry = directory_find(path->directory, path->name, path->length);
	return *entry ? 0 : -ENOENT;
}

static long may_change(struct inode *directory)
{
	return inode_permission(directory, MAY_WRITE | MAY_EXEC);
}

/* 0 when a name can be made there; a trailing slash is only for directories. */
static long may_create(const struct path *path, bool directory)
{
	struct directory_entry *entry;
	long error;

	if (path->last != LAST_NAME)
		return -EEXIST;
	error = find_entry(path, &entry);
	if (error != -ENOENT)
		return error ? error : -EEXIST;
	if ((path->slash && !directory) || !path->directory->links)
		return -ENOENT;
	return may_change(path->directory);
}

/* In a directory with the sticky bit, names belong to the owner of the file or of the directory. */
static bool sticky_forbids(const struct directory_entry *entry)
{
	return (entry->directory->mode & S_ISVTX) && !inode_is_owner(entry->inode) &&
	       !inode_is_owner(entry->directory);
}

static long may_delete(const struct directory_entry *entry, bool directory)
{
	long error = may_change(entry->directory);

	if (error < 0)
		return error;
	if (sticky_forbids(entry))
		return -EPERM;
	if (directory)
		return entry->inode->kind == INODE_DIRECTORY ? 0 : -ENOTDIR;
	return entry->inode->kind == INODE_DIRECTORY ? -EISDIR : 0;
}

/* Names a new inode (its reference moves; NULL: there was no memory for it). */
static long add(const struct path *path, struct inode *inode)
{
	long error;

	if (!inode)
		return -ENOSPC;
	inode_inherit_group(inode, path->directory);
	error = directory_add(path->directory, path->name, path->length, inode);
	inode_put(inode);
	return error;
}

/* ---- making
 * ------------------------------------------------------------------------------------------------------ */

long sys_mkdirat(int directory, uint64_t path, uint32_t mode)
{
	uint32_t permissions = mode & 01777 & ~current_process()->fs->umask;
	struct place place;
	long error = place_begin(&place, directory, path);

	if (error < 0)
		return error;
	error = may_create(&place.path, true);
	if (!error)
		error = add(&place.path, inode_create(INODE_DIRECTORY, permissions));
	place_end(&place);
	return error;
}

long sys_mkdir(uint64_t path, uint32_t mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_symlinkat(uint64_t target, int directory, uint64_t path)
{
	struct place place;
	char *text;
	long error = path_copy(target, &text);

	if (error < 0)
		return error;
	error = place_begin(&place, directory, path);
	if (!error) {
		error = may_create(&place.path, false);
		if (!error)
			error = add(&place.path, inode_create_symlink(text));
		place_end(&place);
	}
	kfree(text);
	return error;
}

long sys_symlink(uint64_t target, uint64_t path)
{
	return sys_symlinkat(target, AT_FDCWD, path);
}

/* Nobody but the owner gives another name to a file that he could not write himself. */
static bool may_link(struct inode *inode)
{
	bool privileged = (inode->mode & S_ISUID) || (inode->mode & (S_ISGID | 010)) == (S_ISGID | 010);

	if (inode_is_owner(inode))
		return true;
	return inode->kind == INODE_FILE && !privileged && !inode_permission(inode, MAY_READ | MAY_WRITE);
}

static long link_to(struct inode *inode, const struct path *path)
{
	long error = may_create(path, false);

	if (error == -EACCES && !may_link(inode))
		return -EPERM; /* Linux looks at the source before the directory's permission */
	if (error < 0)
		return error;
	if (inode->kind == INODE_DIRECTORY || !may_link(inode))
		return -EPERM;
	if (!inode->links)
		return -ENOENT; /* open, but all its names are gone */
	inode_changed(inode);
	return directory_add(path->directory, path->name, path->length, inode);
}

long sys_linkat(int from_directory, uint64_t from, int directory, uint64_t path, unsigned flags)
{
	unsigned follow = flags & AT_SYMLINK_FOLLOW ? PATH_FOLLOW : 0;
	struct place place;
	struct inode *inode;
	long error;

	if (flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && current_process()->credentials.euid == 0)
		follow |= PATH_EMPTY;
	error = path_resolve_user(from_directory, from, follow, &inode);
	if (error < 0)
		return error;
	error = place_begin(&place, directory, path);
	if (!error) {
		error = link_to(inode, &place.path);
		place_end(&place);
	}
	inode_put(inode);
	return error;
}

long sys_link(uint64_t from, uint64_t path)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, path, 0);
}

/* ---- removing
 * ---------------------------------------------------------------------------------------------------- */

static long remove_file(const struct path *path)
{
	struct directory_entry *entry;
	long error;

	if (path->last != LAST_NAME)
		return -EISDIR;
	error = find_entry(path, &entry);
	if (error < 0)
		return error;
	if (path->slash)
		return entry->inode->kind == INODE_DIRECTORY ? -EISDIR : -ENOTDIR;
	error = may_delete(entry, false);
	if (!error)
		directory_remove(entry);
	return error;
}

static long remove_directory(const struct path *path)
{
	static const long errors[] = {[LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY};
	struct directory_entry *entry;
	long error;

	if (path->last != LAST_NAME)
		return errors[path->last];
	error = find_entry(path, &entry);
	if (!error)
		error = may_delete(entry, true);
	if (error < 0)
		return error;
	if (!list_empty(&entry->inode->entries))
		return -ENOTEMPTY;
	directory_remove(entry);
	return 0;
}

long sys_unlinkat(int directory, uint64_t path, unsigned flags)
{
	struct place place;
	long error;

	if (flags & ~(unsigned)AT_REMOVEDIR)
		return -EINVAL;
	error = place_begin(&place, directory, path);
	if (error < 0)
		return error;
	error = flags & AT_REMOVEDIR ? remove_directory(&place.path) : remove_file(&place.path);
	place_end(&place);
	return error;
}

long sys_unlink(uint64_t path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(uint64_t path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- moving
 * ------------------------------------------------------------------------------------------------------ */

/* `inode` is `directory` or lies above it. */
static bool is_above(const struct inode *inode, const struct inode *directory)
{
	while (directory != inode && directory != root_directory)
		directory = directory->parent;
	return directory == inode;
}

/* May the entry take the target's name (target NULL: the name is free)? */
static long may_replace(const struct directory_entry *entry, const struct directory_entry *target,
                        struct inode *directory)
{
	bool is_directory = entry->inode->kind == INODE_DIRECTORY;
	long error = may_delete(entry, is_directory);

	if (error < 0)
		return error;
	if (target)
		error = may_delete(target, is_directory);
	else
		error = directory->links ? may_change(directory) : -ENOENT;
	if (!error && is_directory && entry->directory != directory)
		error = inode_permission(entry->inode, MAY_WRITE); /* its ".." changes */
	if (!error && target && is_directory && !list_empty(&target->inode->entries))
		error = -ENOTEMPTY;
	return error;
}

static long rename(const struct path *from, const struct path *to, unsigned flags)
{
	struct directory_entry *entry, *target = NULL;
	long error;

	if (from->last != LAST_NAME)
		return -EBUSY;
	if (to->last != LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	error = find_entry(from, &entry);
	if (error < 0)
		return error;
	error = find_entry(to, &target);
	if (error < 0 && error != -ENOENT)
		return error;
	if (target && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (entry->inode->kind != INODE_DIRECTORY && (from->slash || to->slash))
		return -ENOTDIR;
	if (is_above(entry->inode, to->directory))
		return -EINVAL;
	if (target && is_above(target->inode, from->directory))
		return -ENOTEMPTY;
	if (target && target->inode == entry->inode)
		return 0;
	error = may_replace(entry, target, to->directory);
	return error ? error : directory_move(entry, target, to->directory, to->name, to->length);
}

long sys_renameat2(int from_directory, uint64_t from, int to_directory, uint64_t to, unsigned flags)
{
	struct place source, destination;
	long error;

	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	error = place_begin(&source, from_directory, from);
	if (error < 0)
		return error;
	error = place_begin(&destination, to_directory, to);
	if (!error) {
		error = rename(&source.path, &destination.path, flags);
		place_end(&destination);
	}
	place_end(&source);
	return error;
}

long sys_renameat(int from_directory, uint64_t from, int to_directory, uint64_t to)
{
	return sys_renameat2(from_directory, from, to_directory, to, 0);
}

long sys_rename(uint64_t from, uint64_t to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}
