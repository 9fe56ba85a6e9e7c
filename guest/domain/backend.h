/*
 * What a backend is to the kernel. A backend is a folder in backends/ (or anywhere, see backends/README.md)
 * with its kernel half, which registers one or more `struct backend`, and its gate.
 */
#ifndef GUEST_DOMAIN_BACKEND_H
#define GUEST_DOMAIN_BACKEND_H

#include "domain/domain.h"

struct backend {
	const char *name;
	unsigned domains_max; /* in one process */

	/* NULL, or one sentence that says what this machine lacks. May be NULL: needs nothing. */
	const char *(*missing)(void);

	/*
	 * A new domain whose pages are not yet mapped: sets page_bits, takes keys and the like; domain->key
	 * is the one that it must have, if not 0. 0, -ENOSPC (no more domains), -ENOMEM. destroy() undoes it.
	 * Either may be NULL.
	 */
	long (*create)(struct domain *domain, struct space *space);
	void (*destroy)(struct domain *domain);

	/* Fills the gate pages. 0 or -ENOMEM. NULL: no gate. */
	long (*build_gate)(struct domain *domain);

	/* What the stub of entry `index` jumps to. NULL: the function itself. */
	uint64_t (*entry)(const struct domain *domain, unsigned index);

	/*
	 * What a stub of entry `index` in library `from` jumps to. link_nested() is called before, once for
	 * each pair; 0 or -errno; it may be NULL.
	 */
	long (*link_nested)(struct domain *from, struct domain *to);
	uint64_t (*nested_entry)(const struct domain *from, const struct domain *to, unsigned index);

	/*
	 * For backends that take a domain's frames out of the kernel's reach: a frame has become part of the domain, at
	 * `address` by that page-table entry (0 or -ENOMEM); and around every access of the kernel to such frames
	 * through its own mapping. What open() returns goes to close(). May be NULL, all three.
	 */
	long (*own)(struct domain *domain, uint64_t address, uint64_t entry);
	uint64_t (*open)(void);
	void (*close)(uint64_t previous);

	/* Makes the domain's pages part of the space, in the backend's way, and undoes it. 0 or -errno. */
	long (*link)(struct domain *domain, struct space *space);
	void (*unlink)(struct domain *domain, struct space *space);

	/* The PML4 of the space has changed: for backends that keep copies of its entries. May be NULL. */
	void (*refresh)(struct space *space);

	/* A fault at an application address was resolved for the current thread: likewise. May be NULL. */
	void (*sync)(struct space *space, uint64_t address);

	/*
	 * The domain whose rights the current thread has in user mode, NULL: the application's. For the
	 * backend `none` every domain's rights are the application's: open_to_all.
	 */
	struct domain *(*inside)(void);
	bool open_to_all;

	/*
	 * Is a thread of the space inside the domain, or does it wait there for another library? Calls by the
	 * kernel and threads whose RIP lies in the domain are known without asking. May be NULL.
	 */
	bool (*entered)(const struct domain *domain, const struct thread *thread);

	/*
	 * The thread is inside: where it leaves the library that it is in, or, better, the last one. 0: not
	 * by a gate.
	 */
	uint64_t (*exit_address)(void);

	/*
	 * For calls that the kernel makes into a library: gives the current thread the domain's rights in
	 * `regs`; what it returns goes to drop(), which restores the rights of before.
	 */
	uint64_t (*raise)(struct domain *domain, struct regs *regs);
	void (*drop)(uint64_t previous);

	/* The guard of a new space for programs on this backend. NULL, or returns NULL: none. */
	const struct fetch_guard *(*guard)(void);

	/* The current thread fetches from a page of the domain that is PTE_GUARDED. NULL: there are no such
	 * pages. */
	void (*fetch)(struct domain *domain);

	/*
	 * The current thread has entered the kernel by a trap: before anything else is done about it; a debug
	 * exception (true: it was the backend's own); the very last thing before the thread goes on after a
	 * trap. May be NULL.
	 */
	void (*trapped)(struct regs *regs);
	bool (*debug)(struct regs *regs, uint64_t dr6);
	void (*resume)(struct regs *regs);

	/* At a switch of threads: saves what `previous` has, loads what `next` has. May be NULL. */
	void (*switch_out)(struct thread *previous);
	void (*switch_in)(struct thread *next);
};

/* Registers a backend: place it at file scope. */
#define REGISTER_BACKEND(variable)                                                                           \
	static const struct backend *const variable##_registration                                           \
	        __attribute__((used, section(".backends"))) = &(variable)

const struct backend *backend_find(const char *name); /* NULL: there is none of that name */

/* What this machine lacks: "backend NAME: SENTENCE", one after another with `separator` between them; "" when nothing. */
void backends_missing(char *text, size_t size, const char *separator);

#endif
