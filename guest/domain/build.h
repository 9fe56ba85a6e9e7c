/* Inside guest/domain: what makes a domain's pages, and the threads that may use it. */
#ifndef GUEST_DOMAIN_BUILD_H
#define GUEST_DOMAIN_BUILD_H

#include "domain/domain.h"

/*
 * Parses the image of domain->image_inode, brings it into memory and fills everything that is known from it.
 * 0, -ENOEXEC (the thread's attach_reason says why) or -ENOMEM.
 */
long domain_load_image(struct domain *domain);

/* Gates, image, heap and stacks of `original` (of a parent process) for a private domain at the same address,
 * with the same key. 0 or -ENOMEM. */
long domain_copy_contents(struct domain *domain, const struct domain *original);

/* Lets all threads of the process enter: their slots in the gate data lead to its client. 0 or -ENOMEM. */
long domain_enter_threads(struct domain *domain, struct process *process);

/* Is a thread of the space inside the domain, or does it wait there for another library? */
bool domain_is_entered(const struct domain *domain, const struct space *space);

/* Above the frames of a protected stack: words of gates. */
#define GATE_WORDS_SIZE 16

/* Clears the words of gates on a protected stack that a thread takes over from one that is gone. */
void domain_clear_stack_top(struct domain *domain, uint64_t top);

/* A new page-table entry of the domain is told to its backend. 0 or -ENOMEM. */
long domain_own(struct domain *domain, uint64_t address, uint64_t entry);

/* Where domain->functions lead becomes what gates in user mode read. 0 or -ENOMEM. */
long domain_write_entries(struct domain *domain);

/* Threads inside the domain leave it as soon as they come by the kernel, which they do at once. */
void domain_expel_threads(const struct domain *domain);

/* Around accesses to the domain's frames through the kernel's mapping. */
uint64_t domain_open(const struct domain *domain);
void domain_close(const struct domain *domain, uint64_t previous);

/* What every gate area holds. 0 or -ENOMEM. */
long domain_write_return_thunk(struct domain *domain);

/* ---- domains and attachments ------------------------------------------------------------------------------
 */

/* A new domain with the image in it, in a slot that is free in the space; nobody is attached. 0 or -errno, as
 * attach. */
long domain_create(struct space *space, struct inode *inode, bool shared, struct domain **created);
void domain_destroy(struct domain *domain); /* nobody is attached */

/* Among the shared domains, NULL: there is none. */
struct domain *domain_find_shared(const struct inode *inode, const struct backend *backend);
struct domain *domain_shared_in_slot(unsigned slot);
void domain_hide(struct domain *domain); /* no longer among them: nobody else will attach */

struct domain_table *domain_table_of(struct space *space); /* made if need be; NULL: out of memory */

/* Makes the domain part of the process's space, with the process as its client. 0, -ENOSPC or -ENOMEM. */
long domain_join(struct domain *domain, struct process *process, bool by_application);

/* Ends an attachment; the last one destroys the domain. */
void domain_leave(struct space *space, unsigned slot);

#endif
