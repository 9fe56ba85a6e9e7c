/*
 * Cutting a call into a library short: the thread continues as if the function that its gate called had
 * returned (image/unwind.h).
 */
#ifndef GUEST_DOMAIN_UNWIND_H
#define GUEST_DOMAIN_UNWIND_H

#include "domain/domain.h"
#include "x86/regs.h"

/*
 * The current thread is inside `domain`. *regs become those behind the call by the gate, but for RAX. False:
 * the library's stack does not lead there; *regs are of no use then.
 */
bool domain_unwind(const struct domain *domain, struct regs *regs);

/* Does the thread with these registers execute a gate, which takes it out of (or into) the domain by itself?
 */
bool domain_in_gate(const struct regs *regs);

#endif
