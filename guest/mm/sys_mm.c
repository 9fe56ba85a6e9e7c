/* The system calls on memory: Linux's meaning and errors, but that no page is writable and executable
 * (-EPERM). */
#include "fs/fcntl.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/mapping.h"
#include "proc/process.h"
#include "x86/cpu.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

#define MAP_TYPE            0x0f
#define MAP_SHARED_VALIDATE 0x03
#define MAP_POPULATE        0x8000
#define MAP_HUGETLB         0x40000
#define MAP_32BIT           0x40
#define MAP_KNOWN           0x17f933 /* all but MAP_32BIT and MAP_SYNC: MAP_SHARED_VALIDATE refuses others */

#define MREMAP_MAYMOVE 1
#define MREMAP_FIXED   2

#define MADV_NORMAL   0
#define MADV_DONTNEED 4
#define MADV_FREE     8
#define MADV_DONTDUMP 16
#define MADV_DODUMP   17

#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

static struct space *current_space(void)
{
	return current_process()->space;
}

/* What a mapping of an open file shows, after the checks of rights. */
static long file_backing(const struct file *file, unsigned prot, unsigned *flags, struct memobj **object)
{
	unsigned access = file->flags & O_ACCMODE;

	if (access == O_WRONLY)
		return -EACCES;
	if ((*flags & MAP_SHARED) && access != O_RDWR) {
		if (prot & PROT_WRITE)
			return -EACCES;
		*flags |= MAP_OBJECT_READ_ONLY;
	}
	*object = file->ops->map ? file->ops->map((struct file *)file) : NULL;
	return *object ? 0 : -ENODEV;
}

/* Brings in the pages of a new mapping. What cannot be brought in is left to the fault that asks for it. */
static void populate(struct space *space, uint64_t start, uint64_t length, unsigned prot)
{
	if (prot == 0)
		return;
	for (uint64_t at = start; at < start + length; at += PAGE_SIZE)
		if (space_fault(space, at, prot & PROT_WRITE ? FAULT_W : 0) != FAULT_RESOLVED)
			return;
}

long sys_mmap(uint64_t address, uint64_t length, unsigned prot, unsigned flags, int fd, uint64_t offset)
{
	unsigned type = flags & MAP_TYPE, wanted = flags;
	struct space *space = current_space();
	struct memobj *object = NULL;
	struct inode *inode = NULL;
	struct file *file = NULL;
	long result;

	if (offset & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_get(fd);
		if (!file)
			return -EBADF;
	}
	if (length == 0 || (flags & MAP_32BIT) ||
	    (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE))
		return -EINVAL;
	if (type == MAP_SHARED_VALIDATE && (flags & ~MAP_KNOWN))
		return -EOPNOTSUPP;
	if (length > APPLICATION_END || (flags & MAP_HUGETLB)) /* there is no pool of huge pages */
		return -ENOMEM;
	if (offset + length < offset)
		return -EOVERFLOW;
	wanted = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN);
	wanted |= type == MAP_PRIVATE ? MAP_PRIVATE : MAP_SHARED;
	if (file) {
		result = file_backing(file, prot, &wanted, &object);
		if (result)
			return result;
		if (file->inode->kind == INODE_FILE)
			inode = file->inode;
	} else {
		offset = 0;
	}
	result = space_map(space, address, length, prot & PROT_ALL, wanted, object, offset, inode);
	if (result > 0 && (flags & MAP_POPULATE))
		populate(space, (uint64_t)result, length, prot & PROT_ALL);
	return result;
}

long sys_munmap(uint64_t address, uint64_t length)
{
	return space_unmap(current_space(), address, length);
}

long sys_mprotect(uint64_t address, uint64_t length, unsigned prot)
{
	if (prot & ~PROT_ALL)
		return -EINVAL;
	return space_protect(current_space(), address, length, prot);
}

long sys_mremap(uint64_t address, uint64_t old_length, uint64_t new_length, unsigned flags, uint64_t target)
{
	if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) || flags == MREMAP_FIXED)
		return -EINVAL;
	if (flags & MREMAP_FIXED && target == 0)
		return -EPERM;
	return space_remap(current_space(), address, old_length, new_length, flags & MREMAP_MAYMOVE,
	                   flags & MREMAP_FIXED ? target : 0);
}

long sys_brk(uint64_t address)
{
	struct space *space = current_space();
	uint64_t old_end = ALIGN_UP(space->brk, PAGE_SIZE), end = ALIGN_UP(address, PAGE_SIZE);
	long error = 0;

	if (address < space->brk_start || address > APPLICATION_END)
		return (long)space->brk;
	if (end < old_end)
		error = space_unmap(space, end, old_end - end);
	else if (end > old_end)
		error = space_map(space, old_end, end - old_end, PROT_READ | PROT_WRITE,
		                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, NULL, 0, NULL);
	if (error >= 0)
		space->brk = address;
	return (long)space->brk;
}

/* Checks the range of madvise and msync: *end is its end. 1: go on; 0 or -errno: the call's result. */
static long check_range(uint64_t address, uint64_t length, uint64_t *end)
{
	if (address & ~PAGE_MASK)
		return -EINVAL;
	*end = address + ALIGN_UP(length, PAGE_SIZE);
	if (*end < address || (length > 0 && *end == address))
		return -EINVAL;
	return *end > address;
}

/* Drops what the mappings in the range hold. Unless `any_backing`, only private anonymous memory will do. */
static long discard(struct space *space, uint64_t start, uint64_t end, bool any_backing)
{
	struct mapping *mapping = mapping_first(space, start);

	for (; mapping && mapping->start < end; mapping = mapping_next(mapping)) {
		if (!any_backing && mapping->object)
			return -EINVAL;
		space_discard(space, MAX(start, mapping->start), MIN(end, mapping->end));
	}
	return 0;
}

long sys_madvise(uint64_t address, uint64_t length, int advice)
{
	struct space *space = current_space();
	uint64_t end;
	long result;

	if (advice < MADV_NORMAL || (advice > MADV_DONTNEED && advice != MADV_FREE &&
	                             advice != MADV_DONTDUMP && advice != MADV_DODUMP))
		return -EINVAL;
	result = check_range(address, length, &end);
	if (result <= 0)
		return result;
	result = 0;
	/* Pages given up by MADV_FREE may go at any time: they go now. The other advice needs no action. */
	if (advice == MADV_DONTNEED || advice == MADV_FREE)
		result = discard(space, address, end, advice == MADV_DONTNEED);
	if (result == 0 && !mapping_covers(space, address, end))
		result = -ENOMEM;
	return result;
}

long sys_msync(uint64_t address, uint64_t length, unsigned flags)
{
	uint64_t end;
	long result;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	result = check_range(address, length, &end);
	if (result <= 0)
		return result == -EINVAL && !(address & ~PAGE_MASK) ? -ENOMEM : result;
	/* A shared mapping shows the file's own frames: there is nothing to write back. */
	return mapping_covers(current_space(), address, end) ? 0 : -ENOMEM;
}
