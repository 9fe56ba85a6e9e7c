/*
 * Stray WRPKRU: byte sequences in executable memory, at any alignment, that an attacker can jump to. WRPKRU
 * alone matters: XCR0 leaves PKRU out (x86/features.h), so that XRSTOR cannot write it, and XRSTORS is
 * privileged.
 *
 * The guard is an execute watchpoint on the instruction *behind* each sequence. A watchpoint on the sequence
 * itself would not hold: a program can suppress it for one instruction, by IRETQ with RFLAGS.RF set (SDM vol.
 * 2A, IRET: RF is loaded at any privilege level) or by MOV SS right before it (SDM vol. 3A, 6.8.3). WRPKRU
 * itself does neither, so the watchpoint behind it always hits, before an instruction has used the new
 * rights; and one watchpoint serves all prefixes (scan.h). What holds then is this: *no trap from user mode
 * finds more rights than the application's, but at an address in a domain*. It is looked at on every trap,
 * because an interrupt, a single step or a fault of the fetch may come before the watchpoint.
 *
 * A page of a guarded space (struct fetch_guard) becomes executable when a fetch faults, and then
 *
 *   - has no stray WRPKRU: it is executable until its mapping or its contents change;
 *   - has one to three: they take DR0-DR2 (DR3 is for exits), and pages that lose theirs become
 * non-executable again;
 *   - has more, or is a domain's: it runs by single steps (step.h).
 *
 * In a domain's text a watchpoint behind the sequence could not tell an intruder from the library, which has
 * those rights: there the sequence must be recognised before it is executed.
 */
#ifndef PKU_WATCH_H
#define PKU_WATCH_H

#include "domain/domain.h"

/* The guard, or NULL when the kernel was started with weaken=watch. */
const struct fetch_guard *watch_guard(void);

/* Makes the pages of the domain's image that hold a stray WRPKRU run by single steps. */
void watch_domain(struct domain *domain);

/* A debug exception at a watchpoint of the space: the rights were in order. */
bool watch_is_hit(const struct space *space, const struct regs *regs, uint64_t dr6);

/* DR0-DR2 of the thread's space, at a switch of threads. */
void watch_switch_out(struct thread *previous);
void watch_switch_in(struct thread *next);

#endif
