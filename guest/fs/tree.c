/* The tree at boot: the root, /dev, and of /proc what programs need to find their own executable. */
#include "fs/inode.h"

#include "mm/heap.h"
#include "proc/process.h"

struct inode *root_directory;

static struct inode *make_directory(struct inode *parent, const char *name, uint32_t permissions)
{
	return directory_make(parent, name, inode_create(INODE_DIRECTORY, permissions));
}

static struct inode *own_executable(void)
{
	return current_process()->executable;
}

static void make_proc(void)
{
	static struct dynamic_link executable = {.follow = own_executable};
	struct inode *self = make_directory(make_directory(root_directory, "proc", 0555), "self", 0555);
	struct inode *link = inode_create(INODE_SYMLINK, 0777);

	if (link)
		link->private = &executable;
	directory_make(self, "exe", link);
}

void fs_init(void)
{
	root_directory = inode_create(INODE_DIRECTORY, 0755);
	if (!root_directory)
		panic("no memory for the root directory");
	root_directory->parent = root_directory;
	root_directory->links = 2;
	devices_init(make_directory(root_directory, "dev", 0755));
	make_proc();
	make_directory(root_directory, "tmp", 01777);
}
