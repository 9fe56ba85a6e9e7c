/* What of a thread's rights and watchpoints lies in CPU registers: saved and loaded at a switch of threads.
 */
#ifndef GUEST_DOMAIN_SWITCH_H
#define GUEST_DOMAIN_SWITCH_H

#include "lib/lib.h"

struct regs;
struct thread;

/*
 * PKRU of application code: access to key 0 alone, under every backend (SDM vol. 3A, 4.6.2: two bits a key,
 * access-disable and write-disable).
 */
#define PKRU_APPLICATION 0x55555554U

void domain_switch_out(struct thread *previous);
void domain_switch_in(struct thread *next);

/* PKRU of the current thread, that of the application where the CPU has none. */
uint32_t domain_rights(void);
void domain_set_rights(uint32_t pkru); /* no effect there */

/* The current thread ends, maybe inside a library: from here on the kernel acts for the application. */
void domain_abandon(void);

/* The current thread, which has its slot: the application's rights, no watchpoint, its GS base (exec). */
void domain_reset_thread(struct thread *thread);

/*
 * An event waits for the current thread, which is inside a library: it will be looked at when the thread
 * leaves. True when that is so; false when the thread has the application's rights and the event can be acted
 * on now.
 */
bool domain_defer_event(void);

/* The thread, which is inside, will be stopped where it leaves the library that it is in. */
void domain_watch_exit(void);

/* The current thread has entered the kernel by a trap; it goes on after one. */
void domain_trapped(struct regs *regs);
void domain_resume(struct regs *regs);

/* A debug exception at a watchpoint of ours. False: it is the program's own. */
bool domain_debug_exception(struct regs *regs, uint64_t dr6);

#endif
