/* Inside guest/domain: what makes a domain's pages, and the threads that may use it. */
#ifndef GUEST_DOMAIN_BUILD_H
#define GUEST_DOMAIN_BUILD_H

#include "domain/domain.h"

/*
 * Parses the image of domain->image_inode, brings it into memory and fills everything that is known from it.
 * 0, -ENOEXEC (the thread's attach_reason says why) or -ENOMEM.
 */
long domain_load_image(struct domain *domain);

/* Image, heap and stacks of `original` (of a parent process) for a private domain at the same address. 0 or
 * -ENOMEM. */
long domain_copy_contents(struct domain *domain, const struct domain *original);

/* Lets all threads of the process enter: their slots in the gate data lead to its client. 0 or -ENOMEM. */
long domain_enter_threads(struct domain *domain, struct process *process);

/* Is a thread of the space inside the domain? */
bool domain_is_entered(const struct domain *domain, const struct space *space);

/* What every gate area holds. 0 or -ENOMEM. */
long domain_write_return_thunk(struct domain *domain);

void domain_destroy(struct domain *domain);

#endif
