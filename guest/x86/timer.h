/* The local APIC's timer (SDM vol. 3A, 10.5.4), one shot, programmed in TSC ticks. */
#ifndef GUEST_X86_TIMER_H
#define GUEST_X86_TIMER_H

#include <stdint.h>

/*
 * Masks the legacy interrupt controllers, enables the local APIC (its registers are mapped at DEVICE_BASE)
 * and measures its timer against the TSC. `hz` is the TSC frequency if it is known; 0: CPUID leaf 15H, else
 * the interval timer (PIT, 1,193,182 Hz). Returns the TSC frequency.
 */
uint64_t timer_init(uint64_t hz);

/* An interrupt (VECTOR_TIMER) when the TSC reaches `deadline`, at the latest in about a second; replaces the
 * one before. */
void timer_arm(uint64_t deadline);
void timer_acknowledge(void);

#endif
