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

/*
 * Not of Linux: the object was opened without the right to write, so that a shared mapping of it can never get PROT_WRITE.
 */
#define MAP_OBJECT_READ_ONLY 0x80000000U

struct inode;
struct space;

/* One contiguous range with one protection and one backing. */
struct mapping {
	struct list link; /* in space.mappings, by address */
	struct space *space;
	uint64_t start, end;
	unsigned prot;         /* PROT_* */
	bool shared;           /* writes reach `object`; otherwise copy-on-write */
	bool never_writable;   /* MAP_OBJECT_READ_ONLY */
	bool grows_down;       /* a fault below `start` may extend it: a stack */
	struct memobj *object; /* backing, owned reference; NULL: private anonymous, zeroes */
	uint64_t offset;       /* of `start` in the object, bytes, page aligned */
	struct inode *inode;   /* of a file mapping, owned reference: pages wholly beyond its size raise SIGBUS; else NULL */
	struct list object_link; /* in the object's list of mappings, for truncation */
};

#define STACK_LIMIT  (8UL << 20)
#define MAPPINGS_MAX 65530 /* of one space, as in Linux */

/* Flushes of translations that removing rights required, whatever the CPU did on its own. */
struct flush_counts {
	uint64_t pages;  /* space_flush_page() */
	uint64_t spaces; /* space_flush_all() */
};

/*
 * Decides which pages of a space are executed. In a guarded space PROT_EXEC alone makes no page executable: the entries that
 * mm makes or changes are all PTE_NX, no shared mapping gets PROT_EXEC (-EACCES), and a fetch from a page with PROT_EXEC
 * asks the guard. The page is then read-only and a private copy: nobody can change what the guard has seen.
 */
struct fetch_guard {
	/* The current thread, in that space, fetches from `page`: *entry may lose PTE_NX. */
	void (*fetch)(struct space *space, uint64_t page, uint64_t *entry);
	void (*release)(struct space *space); /* the space goes */
};

struct space {
	unsigned references;
	paddr_t pml4;
	struct list mappings;
	struct mapping *last_found; /* by space_find; NULL: none */
	unsigned mapping_count;
	uint64_t mapped;    /* bytes in `mappings` */
	uint64_t size_limit; /* bytes that `mapped` may reach (RLIMIT_AS); UINT64_MAX at first */
	uint64_t stack_limit; /* bytes that a MAP_GROWSDOWN mapping may reach (RLIMIT_STACK); STACK_LIMIT at first */
	uint64_t brk_start; /* set by exec */
	uint64_t brk;
	struct account *account; /* pays for pages and page tables */
	struct flush_counts flushes;
	bool tagged; /* its translations may lie under several PCIDs */
	const struct fetch_guard *guard; /* NULL: none */
	void *guard_state;               /* the guard's */
	struct domain_table *domains; /* protected libraries attached to it; NULL: none ever */
};

/*
 * At boot: builds the kernel's page tables and loads them. They map [0, memory_end) of physical memory, the kernel image and
 * the local APIC; no page is both writable and executable, whatever its address. The upper halves of all spaces are copies.
 */
void space_init(uint64_t memory_end);

struct space *space_create(struct account *account); /* NULL: out of memory */

/*
 * A copy-on-write copy of the application's range; NULL: out of memory. The kernel window and the domain slots of the copy are
 * empty: their owners fill them.
 */
struct space *space_fork(struct space *parent);
void space_get(struct space *space);
void space_put(struct space *space); /* the last one unmaps and frees all but the domain slots, which their owners cleared */
void space_switch(struct space *space); /* loads CR3 if it is not loaded already; NULL: the kernel's own tables */

/*
 * Maps `length` bytes. `address` is a hint, or exact with MAP_FIXED (replacing what is there) or
 * MAP_FIXED_NOREPLACE. `object` NULL: anonymous (a shared anonymous mapping gets an object of its own). `inode` for files
 * (may be NULL); references are taken, not moved. Returns the address, or -errno: EINVAL, ENOMEM, EEXIST, EPERM for
 * addresses of the lower half outside the application's range or W+X.
 */
long space_map(struct space *space, uint64_t address, uint64_t length, unsigned prot, unsigned flags,
               struct memobj *object, uint64_t offset, struct inode *inode);
long space_unmap(struct space *space, uint64_t address, uint64_t length);
long space_protect(struct space *space, uint64_t address, uint64_t length, unsigned prot);

/*
 * Resizes the mapping at `address` from `old_length` to `new_length`, and moves it: to `target` if that is not 0 (replacing what
 * is there), else only when `may_move` and it cannot grow where it is. The new address, or -errno as mremap(2).
 */
long space_remap(struct space *space, uint64_t address, uint64_t old_length, uint64_t new_length, bool may_move,
                 uint64_t target);

/* Whether `length` more bytes may be mapped. */
bool space_may_grow(const struct space *space, uint64_t length);

/* The mapping that holds `address`, or NULL. */
struct mapping *space_find(struct space *space, uint64_t address);

enum fault_result {
	FAULT_RESOLVED,    /* repeat the instruction */
	FAULT_NOT_MAPPED,  /* SIGSEGV, SEGV_MAPERR */
	FAULT_PROTECTION,  /* SIGSEGV, SEGV_ACCERR */
	FAULT_BEYOND_FILE, /* SIGBUS, BUS_ADRERR */
	FAULT_NO_MEMORY,   /* the run is out of memory */
};

/*
 * Drops the pages that lie in the range, so that the next access finds what the backing holds (zeroes without one).
 */
void space_discard(struct space *space, uint64_t start, uint64_t end);

/*
 * Translations that may be cached are dropped after an entry lost a right or its frame; both are counted in space->flushes.
 */
void space_flush_page(struct space *space, uint64_t address);
void space_flush_all(struct space *space);

/* Resolves a page fault at `address` (any alignment). `error` is the page-fault error code (SDM vol. 3A, 4.7). */
enum fault_result space_fault(struct space *space, uint64_t address, uint64_t error);

/* Drops the pages of `object` from byte `size` on from every space that maps them: before a file shrinks. */
void space_truncate_object(struct memobj *object, uint64_t size);

/* Maps one kernel-owned frame at any user address (kernel window): user-accessible, not writable. Takes a reference. */
long space_map_kernel_page(struct space *space, uint64_t address, paddr_t frame, bool executable);

#endif
