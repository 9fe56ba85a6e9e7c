/*
 * Calls by the kernel into a library: init and teardown. The thread runs the function in user mode with the
 * domain's rights, on its protected stack; system calls and faults of the function use the kernel stack below
 * the caller's frames.
 */
#ifndef GUEST_DOMAIN_UPCALL_H
#define GUEST_DOMAIN_UPCALL_H

#include "domain/domain.h"

/* Calls function(argument); its value goes to *result. 0, -ENOMEM, or -EINTR: the function was cut short by a
 * fault or a kill. */
long domain_call(struct domain *domain, uint64_t function, uint64_t argument, long *result);

/* Does the current thread execute such a call, and into which domain? NULL: none. */
bool upcall_is_active(void);
struct domain *upcall_domain(void);

/* Does the thread execute such a call into the domain, or one that a system call of the domain waits for? */
bool upcall_concerns(const struct thread *thread, const struct domain *domain);

/* Cuts it short: domain_call() returns -EINTR. */
_Noreturn void upcall_abort(void);

#endif
