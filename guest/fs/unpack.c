/* Makes files of a cpio archive's entries: the initial file system. */
#include "fs/cpio.h"
#include "fs/fcntl.h"
#include "fs/inode.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "proc/clock.h"

/* A file with several names, until the archive ends: only one of its entries carries the data. */
struct linked_file {
	struct list link;
	uint32_t number;
	uint64_t device;
	struct inode *inode; /* owned reference */
};

struct unpacking {
	struct list linked_files;
	const char *reason; /* goes on after "entry N " */
};

/* Explains and fails. */
static long refuse(struct unpacking *unpacking, const char *reason)
{
	unpacking->reason = reason;
	return -EINVAL;
}

/* The next component of *name, which moves behind it. Its length; 0 at the end. */
static size_t next_component(const char **name, const char **component)
{
	size_t length = 0;

	while (**name == '/')
		(*name)++;
	*component = *name;
	while ((*name)[length] && (*name)[length] != '/')
		length++;
	*name += length;
	return length;
}

static bool is_last(const char *name)
{
	while (*name == '/')
		name++;
	return !*name;
}

static long add_directory(struct inode *parent, const char *name, size_t length, struct inode **inode)
{
	long error;

	*inode = inode_create(INODE_DIRECTORY, 0755);
	if (!*inode)
		return -ENOMEM;
	error = directory_add(parent, name, length, *inode);
	inode_put(*inode);
	return error ? -ENOMEM : 0;
}

/* Finds the directory of an entry, making what is missing of it; *last and *length: the entry's own name (""
 * for "."). */
static long find_parent(struct unpacking *unpacking, const char *name, struct inode **parent,
                        const char **last, size_t *length)
{
	*parent = root_directory;
	while ((*length = next_component(&name, last))) {
		struct directory_entry *entry;
		struct inode *next;

		if (*length > NAME_MAX)
			return refuse(unpacking, "has a name with a component longer than 255 bytes");
		if (*length == 2 && !memcmp(*last, "..", 2))
			return refuse(unpacking, "has a name with \"..\"");
		if (*length == 1 && **last == '.')
			continue;
		if (is_last(name))
			return 0;
		entry = directory_find(*parent, *last, *length);
		next = entry ? entry->inode : NULL;
		if (!entry && add_directory(*parent, *last, *length, &next) < 0)
			return -ENOMEM;
		if (next->kind != INODE_DIRECTORY)
			return refuse(unpacking, "lies in something that is not a directory");
		*parent = next;
	}
	return 0;
}

static struct linked_file *find_linked(struct unpacking *unpacking, const struct cpio_entry *entry)
{
	list_for_each (node, &unpacking->linked_files) {
		struct linked_file *linked = list_entry(node, struct linked_file, link);

		if (linked->number == entry->inode && linked->device == entry->device)
			return linked;
	}
	return NULL;
}

static long remember_linked(struct unpacking *unpacking, const struct cpio_entry *entry, struct inode *inode)
{
	struct linked_file *linked = kmalloc(sizeof(*linked));

	if (!linked)
		return -ENOMEM;
	*linked = (struct linked_file){.number = entry->inode, .device = entry->device, .inode = inode};
	inode_get(inode);
	list_add(&unpacking->linked_files, &linked->link);
	return 0;
}

/* A new inode for the entry, or that of its earlier names; *inode is a reference. */
static long make_inode(struct unpacking *unpacking, const struct cpio_entry *entry, struct inode **inode)
{
	uint32_t permissions = entry->mode & ~(uint32_t)S_IFMT & 07777;
	struct linked_file *linked;

	switch (entry->mode & S_IFMT) {
	case S_IFREG:
		linked = entry->links > 1 ? find_linked(unpacking, entry) : NULL;
		*inode = linked ? linked->inode : inode_create(INODE_FILE, permissions);
		if (!*inode)
			return -ENOMEM;
		if (linked)
			inode_get(*inode);
		else if (entry->links > 1 && remember_linked(unpacking, entry, *inode) < 0)
			return -ENOMEM;
		return regular_write_kernel(*inode, 0, entry->data, entry->size) < 0 ? -ENOMEM : 0;
	case S_IFLNK: {
		char *target;

		if (!entry->size || entry->size >= PATH_MAX)
			return refuse(unpacking, "is a symbolic link of no length or more than 4095 bytes");
		target = kzalloc(entry->size + 1);
		if (!target)
			return -ENOMEM;
		memcpy(target, entry->data, entry->size);
		*inode = inode_create_symlink(target);
		kfree(target);
		return *inode ? 0 : -ENOMEM;
	}
	default:
		return refuse(unpacking, "is neither a file nor a directory nor a symbolic link");
	}
}

static void set_attributes(struct inode *inode, const struct cpio_entry *entry)
{
	if (inode->kind != INODE_SYMLINK)
		inode->mode = (inode->mode & S_IFMT) | (entry->mode & 07777);
	inode->uid = entry->uid;
	inode->gid = entry->gid;
	/* A directory keeps the time of unpacking: its entries change it anyway. */
	if (inode->kind != INODE_DIRECTORY)
		inode->mtime = entry->mtime * NANOSECONDS;
}

static long unpack_directory(struct unpacking *unpacking, const struct cpio_entry *entry,
                             struct inode *parent, const char *name, size_t length)
{
	struct directory_entry *existing = length ? directory_find(parent, name, length) : NULL;
	struct inode *inode = existing ? existing->inode : parent;

	if (existing && inode->kind != INODE_DIRECTORY)
		return refuse(unpacking, "is a directory in place of something else");
	if (length && !existing && add_directory(parent, name, length, &inode) < 0)
		return -ENOMEM;
	set_attributes(inode, entry);
	return 0;
}

static long unpack_entry(struct unpacking *unpacking, const struct cpio_entry *entry)
{
	struct directory_entry *existing;
	struct inode *parent, *inode = NULL;
	const char *name;
	size_t length;
	long error = find_parent(unpacking, entry->name, &parent, &name, &length);

	if (error < 0)
		return error;
	if ((entry->mode & S_IFMT) == S_IFDIR)
		return unpack_directory(unpacking, entry, parent, name, length);
	if (!length)
		return refuse(unpacking, "names the root, which is a directory");
	existing = directory_find(parent, name, length);
	if (existing && existing->inode->kind == INODE_DEVICE && (entry->mode & S_IFMT) == S_IFCHR)
		return 0; /* an archive of a whole system holds /dev/null and the like: ours are there already
		           */
	if (existing && existing->inode->kind == INODE_DIRECTORY)
		return refuse(unpacking, "takes the place of a directory");
	error = make_inode(unpacking, entry, &inode);
	if (!error) {
		if (existing)
			directory_remove(existing); /* a later entry of the same name wins */
		set_attributes(inode, entry);
		error = directory_add(parent, name, length, inode) < 0 ? -ENOMEM : 0;
	}
	if (inode)
		inode_put(inode);
	return error;
}

static void forget_linked(struct unpacking *unpacking)
{
	list_for_each_safe (node, &unpacking->linked_files) {
		struct linked_file *linked = list_entry(node, struct linked_file, link);

		list_remove(&linked->link);
		inode_put(linked->inode);
		kfree(linked);
	}
}

long cpio_unpack(const void *archive, size_t size, const char **reason)
{
	static char sentence[128];
	struct unpacking unpacking = {.linked_files = LIST_INIT(unpacking.linked_files)};
	struct cpio_reader reader;
	struct cpio_entry entry;
	enum cpio_result result;
	long error = 0;

	cpio_begin(&reader, archive, size);
	while ((result = cpio_next(&reader, &entry)) == CPIO_ENTRY) {
		error = unpack_entry(&unpacking, &entry);
		if (error < 0)
			break;
	}
	forget_linked(&unpacking);
	if (result == CPIO_ERROR) {
		error = -EINVAL;
		unpacking.reason = reader.reason;
	}
	if (error == -ENOMEM)
		unpacking.reason = "does not fit into memory";
	if (error < 0) {
		snprintf(sentence, sizeof(sentence), "entry %u %s", reader.number, unpacking.reason);
		*reason = sentence;
	}
	return error;
}
