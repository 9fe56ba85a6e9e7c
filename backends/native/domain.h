/* Attaching to libraries, in the process itself: what guest/domain does in the guest. */
#ifndef NATIVE_DOMAIN_H
#define NATIVE_DOMAIN_H

#include "image/image.h"
#include "native/backend.h"
#include "portcullis/abi.h"

#define NATIVE_DOMAINS_MAX   ((PORTCULLIS_DOMAINS_END - PORTCULLIS_DOMAINS_START) / PORTCULLIS_DOMAIN_SIZE)
#define NATIVE_PRIVATE_SLOTS 64 /* threads that can be inside a private domain at once */

/*
 * The first part of a gate data's backend part (abi.h), the runtime's. A gate changes the word of the thread
 * slot whose stack it takes while the thread is inside, with the library's rights: when a process ends
 * meanwhile, its shared domain is taken for damaged. What follows, from NATIVE_GATE_SIZE on, is the
 * backend's.
 */
struct native_gate {
	uint64_t inside[PORTCULLIS_THREADS_MAX];    /* 0, or the top of the slot's stack: nobody is */
	uint64_t functions[PORTCULLIS_ENTRIES_MAX]; /* for gates that call by this table */
	uint64_t fallback;         /* what they call in a failed domain, 0: there is no such gate */
	uint64_t failed;           /* not 0: entrances return PORTCULLIS_FAILED */
	char why[NATIVE_WHY_SIZE]; /* then: a sentence without its full stop */
};
#define NATIVE_GATE_SIZE 0x5000
_Static_assert(sizeof(struct native_gate) <= NATIVE_GATE_SIZE, "the backend's follows");

struct native_domain {
	uint64_t base; /* 0: free */
	struct image_plan plan;
	uint64_t device, inode; /* of the image file */
	bool shared;
	uint64_t wire_size; /* bytes of each region of its wire (portcullis/wire.h), 0: it has none */
	unsigned first_slot, slot_count; /* the thread slots of this process: their stacks are mapped */
	bool by_application;             /* it asked for it; false: only libraries did, which call this one */
	bool calls[NATIVE_DOMAINS_MAX];  /* the libraries that this one's stubs lead to */
};

/* The backend that this process runs on. */
extern const struct native_backend *native_backend;

unsigned domain_number(const struct native_domain *domain); /* in this process, below NATIVE_DOMAINS_MAX */

struct native_domain *domain_at(uint64_t address); /* the domain that lies there, NULL: none */
bool domain_holds(uint64_t address);               /* is there one? */

/* The address of the function behind entry `index`. */
uint64_t domain_function(const struct native_domain *domain, unsigned index);

static inline struct portcullis_gate_data *domain_gate_data(const struct native_domain *domain)
{
	return (struct portcullis_gate_data *)(domain->base + PORTCULLIS_GATE_DATA_OFFSET);
}

static inline struct native_gate *domain_gate(const struct native_domain *domain)
{
	return (struct native_gate *)(domain->base + PORTCULLIS_GATE_DATA_OFFSET +
	                              PORTCULLIS_GATE_DATA_BACKEND);
}

/* The top of the stack of a thread slot, which is an absolute number: from first_slot on. */
static inline uint64_t domain_stack_top(const struct native_domain *domain, unsigned slot)
{
	return domain->base + PORTCULLIS_STACKS_OFFSET + (slot + 1UL) * PORTCULLIS_STACK_STRIDE;
}

/* Is a thread inside, on the stack of the slot? `base`: the domain's first byte. */
static inline bool domain_is_inside(const struct native_gate *gate, uint64_t base, unsigned slot)
{
	return gate->inside[slot] &&
	       gate->inside[slot] != base + PORTCULLIS_STACKS_OFFSET + (slot + 1UL) * PORTCULLIS_STACK_STRIDE;
}

/* Says to all gates that the domain has failed. Who gets an error finds that it has. */
static inline void domain_close_gate(struct native_gate *gate)
{
	__atomic_store_n(&gate->failed, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; gate->fallback && i < PORTCULLIS_ENTRIES_MAX; i++)
		__atomic_store_n(&gate->functions[i], gate->fallback, __ATOMIC_RELEASE);
}

/* The domain of that number in this process, NULL: there is none. */
struct native_domain *domain_numbered(unsigned number);

/* A sentence for a failed attach, without its full stop. */
void domain_reason(const char *why);

/* The system calls of portcullis/abi.h. */
long domain_attach(const char *path, unsigned flags, uint64_t interface, uint64_t *slots, unsigned count);
long domain_detach(long number, bool from_library);
long domain_info(unsigned what, char *to, size_t size, long number);

/* clone(2) without CLONE_VM and without a stack: the child is attached to the same libraries. In it: 0. */
long domain_fork(unsigned long flags, long parent_id, long child_id, long storage);

/*
 * A call into the domain did what `why` says: it has failed, for all its clients. Their entrances return
 * PORTCULLIS_FAILED from now on. The caller has no rights of the domain open.
 */
void domain_fail(const struct native_domain *domain, const char *why);

/* In a server: the domain whose server it is, with the stack of slot 0, mapped from `memory`. NULL: it cannot
 * be. */
struct native_domain *domain_adopt(const struct image_plan *plan, unsigned number, bool shared, int memory);

/* One thread at a time asks the broker and changes domains; it may do so again. */
void domain_lock(void);
void domain_unlock(void);

/* Where a fault at `instruction` on `address` continues: the fixup of an argument copy. 0: it is none of one.
 */
uint64_t domain_fixup(uint64_t instruction, uint64_t address);

/* Gives the calling thread the page at GS base that libraries find their caller with. 0 or -errno. */
long domain_thread_page(void);

#endif
