/*
 * Domains: the memory of protected libraries, their images, and who is attached to them.
 *
 * A domain has a page-table sub-tree of its own below one PML4 slot (layout: portcullis/layout.h); a backend
 * decides how it becomes part of an address space. Attachments belong to an address space, so that they end
 * with exec and exit.
 */
#ifndef GUEST_DOMAIN_DOMAIN_H
#define GUEST_DOMAIN_DOMAIN_H

#include "lib/lib.h"
#include "lib/list.h"
#include "mm/layout.h"
#include "mm/space.h"
#include "portcullis/abi.h"
#include "portcullis/image.h"

struct backend;
struct gate_table;
struct inode;
struct process;
struct regs;
struct thread;

struct domain {
	unsigned references; /* attachments */
	const struct backend *backend;
	struct list link; /* shared ones: in the list of all shared domains */
	bool shared;
	unsigned slot; /* index of the PML4 slot, from 0 for DOMAIN_FIRST_SLOT */
	uint64_t base; /* address of the slot */
	paddr_t pml4;  /* a table whose only entry is the domain's sub-tree */
	struct account *account;
	struct inode *image_inode;
	struct portcullis_image descriptor; /* fixed part, checked */
	uint64_t *functions;                /* addresses of the entry points */
	uint64_t init, teardown;            /* addresses, 0: none */
	uint64_t copy_start, copy_end, copy_fixup;
	uint64_t unwind;       /* address of .eh_frame_hdr */
	uint64_t budget;       /* ticks of CPU time that one call may take */
	const char *failure;   /* why every entrance returns PORTCULLIS_FAILED; NULL: it works */
	uint64_t image_size;   /* bytes in memory */
	uint64_t page_bits;    /* PTE_U and the protection key of its pages */
	uint64_t exit_address; /* of the gate's last instruction, of backends whose gates are left by that
	                          alone */
	uint64_t return_thunk; /* where a call by the kernel returns to */
	bool client_used[PORTCULLIS_CLIENTS_MAX];
	bool calls[DOMAIN_SLOT_COUNT]; /* the libraries, by slot, whose entry points this one's stubs lead to
	                                */
	bool ready;                    /* its init function has returned */
	unsigned key;                  /* of backends that use protection keys; 0: none */
};

/* One attachment: a domain in a space. */
struct attachment {
	struct domain *domain;
	struct portcullis_client client;
	bool by_application; /* it asked for it; false: only libraries did, which call this one */
	paddr_t view; /* PML4 in which the library runs, of backends that switch page tables; 0: none */
};

/* The attachments of one space, by slot. */
struct domain_table {
	struct attachment slots[DOMAIN_SLOT_COUNT];
	unsigned count;
	uint64_t budget; /* the least of its domains' */
	struct gate_table *gates; /* of backends whose gates pass through the kernel; NULL: none yet */
};

/* The attachment that holds `address`, NULL: none. */
struct attachment *domain_at(const struct space *space, uint64_t address);

/* The domain whose rights the current thread has now, NULL: the application's. */
struct domain *domain_inside(void);

/* May the current thread, with the rights that it has now, name [address, address + size) of domain memory in
 * a system call? */
bool domain_allows(uint64_t address, size_t size);

/* A fault at a domain address. */
enum fault_result domain_fault(uint64_t address, uint64_t error);

/*
 * The current thread has faulted in a library or gate. A page fault of the library's argument copies continues at
 * their fixup. Any other fault of the library fails its domain (fail.h). One of a gate, which was entered in a
 * forbidden way, ends the process. A line on the console names the library.
 */
void domain_library_fault(struct regs *regs, const char *what, int signal, uint64_t address);

/* A fault of the current thread, where domains are open to all: an argument copy continues at its fixup.
 * False: it is the program's. */
bool domain_open_fault(struct regs *regs, uint64_t address);

/* The current process leaves its libraries, which are told: before exit and exec. */
void domain_leave_all(void);

/* Hooks of address spaces. */
long domain_fork(struct process *parent, struct process *child); /* the child's thread exists; 0 or -errno */
void domain_release_space(struct space *space);
void domain_guard_space(const struct process *process,
                        struct space *space);   /* new, for the process's program */
void domain_space_changed(struct space *space); /* entries of its PML4 are gone */
void domain_space_filled(struct space *space,
                         uint64_t address); /* a page of the application's was brought in */

/* Gives a user thread its slot and its page in its process's space. 0, -EAGAIN (no slot is free) or -ENOMEM.
 */
long domain_thread_prepare(struct thread *thread);
void domain_thread_gone(struct thread *thread); /* while the process still has its space */

/* ---- for backends -----------------------------------------------------------------------------------------
 */

/* Writes into the gate pages, gate data or image of the domain through the kernel's own mapping. 0 or
 * -ENOMEM. */
long domain_write(struct domain *domain, uint64_t offset, const void *from, size_t size);

/* Writes code that only the domain itself can execute. 0 or -ENOMEM. */
long domain_write_code(struct domain *domain, uint64_t offset, const void *from, size_t size);

/* Reads one word of the domain's memory; leaves *value alone when there is no page. */
void domain_read(const struct domain *domain, uint64_t address, uint64_t *value);

/* Stores one word on a protected stack. 0 or -ENOMEM. */
long domain_write_stack(struct domain *domain, uint64_t offset, uint64_t value);

/* Places of a gate in the gate area: executable for everybody, or for domains alone. */
#define DOMAIN_GATE_OPEN   0x0
#define DOMAIN_GATE_NESTED 0x80000

/*
 * Writes a gate's code at a place in the gate area, and behind it `count` thunks "mov index, eax; jmp gate".
 * `bits` are PTE_U for code that everybody may execute, or the domain's page_bits. Returns 0 or -ENOMEM;
 * thunk i lies at place + gate_thunk(domain, i).
 */
long domain_write_gate(struct domain *domain, uint64_t place, uint64_t bits, const char *start,
                       const char *end, unsigned count);
uint64_t gate_thunk(const struct domain *domain, unsigned index);

/* Links or unlinks the domain's whole sub-tree in the space's own PML4. */
long domain_link_subtree(struct domain *domain, struct space *space);
void domain_unlink_subtree(struct domain *domain, struct space *space);

/* This thread's protected stack in the domain: its top. */
uint64_t domain_stack_top(const struct domain *domain, const struct thread *thread);

/*
 * For gates in user mode. The word below the top of a protected stack is its record, which only gates between
 * libraries write: RSP of the library while it calls another one, else 0. The lowest word of the callee's
 * frames then holds the address where the call ends.
 */
uint64_t domain_record(const struct domain *domain, const struct thread *thread);

/* Where the current thread, which is inside `domain`, leaves it: exit_address, or that of a gate between
 * libraries.
 */
uint64_t domain_exit_by_record(const struct domain *domain);

#endif
