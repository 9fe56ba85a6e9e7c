#include "fs/inode.h"

#include "fs/abi.h"
#include "fs/fcntl.h"
#include "fs/io.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"

struct directory_entry *directory_find(struct inode *directory, const char *name, size_t length)
{
	list_for_each (node, &directory->entries) {
		struct directory_entry *entry = list_entry(node, struct directory_entry, link);

		if (entry->length == length && !memcmp(entry->name, name, length))
			return entry;
	}
	return NULL;
}

/* Positions grow along the list, so that a reader finds its place again after entries have gone. */
static uint64_t next_position(struct inode *directory)
{
	if (list_empty(&directory->entries))
		return DIRECTORY_FIRST;
	return list_entry(directory->entries.prev, struct directory_entry, link)->position + 1;
}

/* A new entry for `inode`, whose reference moves into it. NULL: out of memory. */
static struct directory_entry *make_entry(struct inode *directory, const char *name, size_t length,
                                          struct inode *inode)
{
	struct directory_entry *entry = kmalloc(sizeof(*entry) + length + 1);

	if (!entry)
		return NULL;
	entry->directory = directory;
	entry->inode = inode;
	entry->position = next_position(directory);
	entry->length = length;
	memcpy(entry->name, name, length);
	entry->name[length] = 0;
	list_add_tail(&directory->entries, &entry->link);
	list_add_tail(&inode->names, &entry->name_link);
	inode_modified(directory);
	return entry;
}

static void free_entry(struct directory_entry *entry)
{
	list_remove(&entry->link);
	list_remove(&entry->name_link);
	inode_modified(entry->directory);
	kfree(entry);
}

long directory_add(struct inode *directory, const char *name, size_t length, struct inode *inode)
{
	if (!directory->links)
		return -ENOENT;
	if (!make_entry(directory, name, length, inode))
		return -ENOSPC;
	inode_get(inode);
	inode->links++;
	if (inode->kind == INODE_DIRECTORY) {
		inode_get(directory);
		inode->parent = directory;
		inode->links = 2; /* its own "." */
		directory->links++;
	}
	return 0;
}

void directory_remove(struct directory_entry *entry)
{
	struct inode *inode = entry->inode;

	if (inode->kind == INODE_DIRECTORY) {
		inode->links = 0;
		entry->directory->links--;
	} else {
		inode->links--;
	}
	inode_changed(inode);
	free_entry(entry);
	inode_put(inode);
}

long directory_move(struct directory_entry *entry, struct directory_entry *target, struct inode *directory,
                    const char *name, size_t length)
{
	struct inode *inode = entry->inode, *old = entry->directory;

	if (!make_entry(directory, name, length, inode))
		return -ENOSPC;
	if (target)
		directory_remove(target);
	free_entry(entry);
	if (inode->kind == INODE_DIRECTORY && old != directory) {
		old->links--;
		directory->links++;
		inode_get(directory);
		inode->parent = directory;
		inode_put(old);
	}
	inode_changed(inode);
	return 0;
}

struct inode *directory_make(struct inode *parent, const char *name, struct inode *inode)
{
	if (!inode || directory_add(parent, name, strlen(name), inode) < 0)
		panic("no memory for the file system's /%s", name);
	inode_put(inode); /* the name holds it */
	return inode;
}

static long directory_read(struct file *file, struct user_io *io, uint64_t *position)
{
	(void)file, (void)io, (void)position;
	return -EISDIR;
}

static long directory_seek(struct file *file, int64_t offset, int whence)
{
	if (whence == SEEK_CUR)
		offset += file->position;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	file->position = offset;
	return offset;
}

const struct file_ops directory_ops = {.read = directory_read, .seek = directory_seek};

/* The buffer that getdents64 fills. */
struct listing {
	uint64_t to;
	size_t room;
	size_t used;
	long error; /* why the last entry was not taken */
};

static bool list_one(struct listing *listing, const struct inode *inode, const char *name, size_t length,
                     uint64_t next)
{
	struct linux_dirent64 head = {.inode = inode->number, .next = (int64_t)next};
	size_t size = ALIGN_UP(sizeof(head) + length + 1, 8);
	uint64_t to = listing->to + listing->used;

	if (size > listing->room - listing->used) {
		listing->error = -EINVAL;
		return false;
	}
	head.length = (uint16_t)size;
	head.type = (uint8_t)((inode->mode & S_IFMT) >> 12); /* DT_x is S_IFx >> 12 */
	if (copy_to_user(to, &head, sizeof(head)) < 0 || copy_to_user(to + sizeof(head), name, length) < 0 ||
	    clear_user(to + sizeof(head) + length, size - sizeof(head) - length) < 0) {
		listing->error = -EFAULT;
		return false;
	}
	listing->used += size;
	return true;
}

static void list_entries(struct listing *listing, struct file *file)
{
	struct inode *directory = file->inode;

	if (!directory->links)
		return; /* removed */
	if (file->position == 0) {
		if (!list_one(listing, directory, ".", 1, 1))
			return;
		file->position = 1;
	}
	if (file->position == 1) {
		if (!list_one(listing, directory->parent, "..", 2, DIRECTORY_FIRST))
			return;
		file->position = DIRECTORY_FIRST;
	}
	list_for_each (node, &directory->entries) {
		struct directory_entry *entry = list_entry(node, struct directory_entry, link);

		if (entry->position < file->position)
			continue;
		if (!list_one(listing, entry->inode, entry->name, entry->length, entry->position + 1))
			return;
		file->position = entry->position + 1;
	}
}

long sys_getdents64(int fd, uint64_t to, unsigned size)
{
	struct file *file = fd_get(fd);
	struct listing listing = {.to = to, .room = size};

	if (!file)
		return -EBADF;
	if (file->inode->kind != INODE_DIRECTORY)
		return -ENOTDIR;
	if (!file->inode->links)
		return -ENOENT;
	list_entries(&listing, file);
	inode_accessed(file->inode);
	return listing.used ? (long)listing.used : listing.error;
}
