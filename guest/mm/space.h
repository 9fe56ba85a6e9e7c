/*
 * An address space: a PML4 and the mappings that programs asked for. Pages are filled on demand by space_fault().
 *
 * All lengths in bytes, all addresses user virtual, page aligned unless stated. Functions return 0 (or what is
 * stated) or -errno. A process's threads share one space; vfork shares it between processes, hence the reference count.
 */
#ifndef GUEST_MM_SPACE_H
#define GUEST_MM_SPACE_H

#include "lib/list.h"
#include "mm/frame.h"
#include "mm/memobj.h"

#define PROT_READ  1
#define PROT_WRITE 2
#define PROT_EXEC  4

#define MAP_SHARED           0x01
#define MAP_PRIVATE          0x02
#define MAP_FIXED            0x10
#define MAP_ANONYMOUS        0x20
#define MAP_GROWSDOWN        0x100
#define MAP_FIXED_NOREPLACE  0x100000

struct inode;

/* One contiguous range with one protection and one backing. */
struct mapping {
	struct list link; /* in space.mappings, by address */
	uint64_t start, end;
	unsigned prot;         /* PROT_* */
	bool shared;           /* writes reach `object`; otherwise copy-on-write */
	struct memobj *object; /* backing, owned reference; NULL: private anonymous, zeroes */
	uint64_t offset;       /* of `start` in the object, bytes, page aligned */
	uint64_t file_size;    /* bytes of the object: pages wholly beyond raise SIGBUS; ~0 for shared anonymous memory */
	struct inode *inode;   /* of a file mapping, owned reference, for its live size; else NULL */
	struct list object_link; /* in the object's list of mappings, for truncation */
};

struct space {
	unsigned references;
	paddr_t pml4;
	struct list mappings;
	uint64_t mapped;    /* bytes in `mappings` */
	uint64_t brk_start; /* set by exec */
	uint64_t brk;
	struct account *account; /* pays for pages and page tables */
};

void space_init(void); /* at boot: builds the kernel's page tables (W^X, direct map) and loads them */

struct space *space_create(struct account *account); /* NULL: out of memory */
struct space *space_fork(struct space *parent);      /* copy-on-write copy; NULL: out of memory */
void space_get(struct space *space);
void space_put(struct space *space); /* the last one unmaps and frees everything */
void space_switch(struct space *space); /* loads CR3 if it is not loaded already; NULL: the kernel's own tables */

/*
 * Maps `length` bytes. `address` is a hint, or exact with MAP_FIXED (replacing what is there) or
 * MAP_FIXED_NOREPLACE. `object` NULL: anonymous (a shared anonymous mapping gets an object of its own). `inode` for files
 * (may be NULL); references are taken, not moved. Returns the address, or -errno: EINVAL, ENOMEM, EEXIST, EPERM for
 * addresses outside the application's range or W+X.
 */
long space_map(struct space *space, uint64_t address, uint64_t length, unsigned prot, unsigned flags,
               struct memobj *object, uint64_t offset, struct inode *inode);
long space_unmap(struct space *space, uint64_t address, uint64_t length);
long space_protect(struct space *space, uint64_t address, uint64_t length, unsigned prot);

/* The mapping that holds `address`, or NULL. */
struct mapping *space_find(struct space *space, uint64_t address);

enum fault_result {
	FAULT_RESOLVED,    /* repeat the instruction */
	FAULT_NOT_MAPPED,  /* SIGSEGV, SEGV_MAPERR */
	FAULT_PROTECTION,  /* SIGSEGV, SEGV_ACCERR */
	FAULT_BEYOND_FILE, /* SIGBUS, BUS_ADRERR */
	FAULT_NO_MEMORY,   /* the run is out of memory */
};

/* Resolves a page fault at `address` (any alignment). `error` is the page-fault error code (SDM vol. 3A, 4.7). */
enum fault_result space_fault(struct space *space, uint64_t address, uint64_t error);

/* Drops the pages of `object` from byte `size` on from every space that maps them: before a file shrinks. */
void space_truncate_object(struct memobj *object, uint64_t size);

/* Maps one kernel-owned frame at any user address (kernel window): user-accessible, not writable. Takes a reference. */
long space_map_kernel_page(struct space *space, uint64_t address, paddr_t frame, bool executable);

#endif
