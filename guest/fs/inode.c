#include "fs/inode.h"

#include "fs/fcntl.h"
#include "fs/lock.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/space.h"
#include "proc/clock.h"
#include "proc/process.h"

#define RELATIME_AGE (24UL * 3600 * NANOSECONDS)

static uint64_t last_number;

static const uint32_t type_bits[] = {
        [INODE_FILE] = S_IFREG,   [INODE_DIRECTORY] = S_IFDIR, [INODE_SYMLINK] = S_IFLNK,
        [INODE_DEVICE] = S_IFCHR, [INODE_PIPE] = S_IFIFO,
};

/* NULL at boot, before any process. */
static struct process *acting_process(void)
{
	struct thread *thread = current_thread();

	return thread ? thread->process : NULL;
}

const struct credentials *fs_credentials(void)
{
	static const struct credentials kernel; /* uid 0 */
	struct process *process = acting_process();

	return process ? &process->credentials : &kernel;
}

struct account *fs_account(void)
{
	struct process *process = acting_process();

	return process && process->space ? process->space->account : NULL;
}

struct inode *inode_create(enum inode_kind kind, uint32_t permissions)
{
	struct inode *inode = kzalloc(sizeof(*inode));

	if (!inode)
		return NULL;
	if (kind == INODE_FILE) {
		inode->data = memobj_create(fs_account());
		if (!inode->data) {
			kfree(inode);
			return NULL;
		}
		inode->ops = &regular_ops;
	} else if (kind == INODE_DIRECTORY) {
		inode->ops = &directory_ops;
	}
	inode->references = 1;
	inode->kind = kind;
	inode->number = ++last_number;
	inode->mode = type_bits[kind] | permissions;
	inode->uid = fs_credentials()->euid;
	inode->gid = fs_credentials()->egid;
	inode->atime = inode->mtime = inode->ctime = clock_realtime_ns();
	list_init(&inode->entries);
	list_init(&inode->names);
	return inode;
}

struct inode *inode_create_symlink(const char *target)
{
	size_t length = strlen(target);
	struct inode *inode = inode_create(INODE_SYMLINK, 0777);

	if (!inode)
		return NULL;
	inode->target = kmalloc(length + 1);
	if (!inode->target) {
		inode_put(inode);
		return NULL;
	}
	memcpy(inode->target, target, length + 1);
	inode->size = length;
	return inode;
}

void inode_inherit_group(struct inode *inode, const struct inode *directory)
{
	const uint32_t group_executable = S_ISGID | 010;

	if (!(directory->mode & S_ISGID))
		return;
	inode->gid = directory->gid;
	if (inode->kind == INODE_DIRECTORY)
		inode->mode |= S_ISGID;
	else if ((inode->mode & group_executable) == group_executable && fs_credentials()->euid != 0 &&
	         fs_credentials()->egid != directory->gid)
		inode->mode &= ~S_ISGID;
}

void inode_drop_set_id(struct inode *inode)
{
	if (fs_credentials()->euid == 0)
		return;
	inode->mode &= ~S_ISUID;
	if (inode->mode & 010)
		inode->mode &= ~S_ISGID;
}

void inode_get(struct inode *inode)
{
	inode->references++;
}

void inode_put(struct inode *inode)
{
	/* A loop, because the last reference to a removed directory may be the last to its removed parent. */
	while (inode && --inode->references == 0) {
		struct inode *parent = inode->parent;

		kassert(list_empty(&inode->entries) && list_empty(&inode->names));
		if (inode->data)
			memobj_put(inode->data);
		kfree(inode->target);
		locks_free(inode->locks);
		kfree(inode);
		inode = parent;
	}
}

long inode_permission(struct inode *inode, unsigned may)
{
	const struct credentials *who = fs_credentials();
	unsigned granted;

	if (who->euid == 0) {
		bool executable = inode->kind == INODE_DIRECTORY || (inode->mode & 0111);

		return (may & MAY_EXEC) && !executable ? -EACCES : 0;
	}
	if (inode->uid == who->euid)
		granted = inode->mode >> 6;
	else if (inode->gid == who->egid)
		granted = inode->mode >> 3;
	else
		granted = inode->mode;
	return (may & ~granted & 7) ? -EACCES : 0;
}

bool inode_is_owner(const struct inode *inode)
{
	uint32_t euid = fs_credentials()->euid;

	return euid == 0 || euid == inode->uid;
}

void inode_modified(struct inode *inode)
{
	inode->mtime = inode->ctime = clock_realtime_ns();
}

void inode_changed(struct inode *inode)
{
	inode->ctime = clock_realtime_ns();
}

void inode_accessed(struct inode *inode)
{
	uint64_t now = clock_realtime_ns();

	if (inode->atime <= inode->mtime || inode->atime <= inode->ctime ||
	    now - inode->atime >= RELATIME_AGE)
		inode->atime = now;
}

size_t inode_read(struct inode *inode, uint64_t offset, void *to, size_t size)
{
	if (offset >= inode->size)
		return 0;
	size = MIN(size, inode->size - offset);
	memobj_read(inode->data, offset, to, size);
	return size;
}

long inode_path(struct inode *inode, char *to, size_t size)
{
	size_t start = size;
	long length;

	if (inode == root_directory) {
		if (size < 2)
			return -ERANGE;
		memcpy(to, "/", 2);
		return 1;
	}
	/* From the end of the buffer towards the front, then moved. */
	if (!size)
		return -ERANGE;
	to[--start] = 0;
	while (inode != root_directory) {
		struct directory_entry *entry;

		if (list_empty(&inode->names))
			return -ENOENT;
		entry = list_entry(inode->names.next, struct directory_entry, name_link);
		if (start < entry->length + 1)
			return -ERANGE;
		start -= entry->length;
		memcpy(to + start, entry->name, entry->length);
		to[--start] = '/';
		inode = entry->directory;
	}
	length = size - start - 1;
	memmove(to, to + start, length + 1);
	return length;
}

long inode_link_text(struct inode *inode, char *to, size_t size)
{
	const struct dynamic_link *link = inode->private;
	struct inode *target;
	char *path;
	long length;

	if (inode->target) {
		length = MIN(size, inode->size);
		memcpy(to, inode->target, length);
		return length;
	}
	target = link->follow();
	if (!target)
		return -ENOENT;
	path = kmalloc(PATH_MAX);
	if (!path)
		return -ENOMEM;
	length = inode_path(target, path, PATH_MAX);
	if (length >= 0) {
		length = MIN(size, (size_t)length);
		memcpy(to, path, length);
	}
	kfree(path);
	return length;
}
