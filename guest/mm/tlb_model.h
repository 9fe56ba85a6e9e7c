/*
 * What the TLB may hold, as a model: only in the checked kernel (build/guest/kernel-checked.*,
 * -DCHECK_FLUSHES), whose every return to user mode panics when a translation that lost a right, or a table
 * that is gone, has not been flushed since. An emulator that flushes too often hides what is missing; the
 * model does not.
 *
 * In the ordinary kernel all of this is nothing.
 */
#ifndef GUEST_MM_TLB_MODEL_H
#define GUEST_MM_TLB_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef CHECK_FLUSHES

/* The CPU has executed INVLPG, INVPCID of all contexts, or MOV to CR3 (SDM vol. 3A, 4.10.4). */
void tlb_model_page(uint64_t address);
void tlb_model_all(void);
void tlb_model_cr3(uint64_t cr3);

void tlb_model_check(void); /* before a return to user mode */

/* An EPT entry of that view changes from `old` to `new`; INVEPT of all contexts; before a VM entry. */
void tlb_model_ept_entry(unsigned view, uint64_t old, uint64_t new);
void tlb_model_ept_flush(void);
void tlb_model_ept_check(void);

/* Is the flush of that name switched off, to see that it is missed? (option weaken=NAME) */
bool tlb_model_leaves_out(const char *name);

#else

static inline void tlb_model_page(uint64_t address)
{
	(void)address;
}

static inline void tlb_model_all(void)
{
}

static inline void tlb_model_cr3(uint64_t cr3)
{
	(void)cr3;
}

static inline void tlb_model_check(void)
{
}

static inline void tlb_model_ept_entry(unsigned view, uint64_t old, uint64_t new)
{
	(void)view, (void)old, (void)new;
}

static inline void tlb_model_ept_flush(void)
{
}

static inline void tlb_model_ept_check(void)
{
}

static inline bool tlb_model_leaves_out(const char *name)
{
	(void)name;
	return false;
}

#endif
#endif
