/*
 * The monitor: the part of the runtime that guards a program whose rights depend on PKRU. It lives in the
 * program's process, in memory under a protection key that neither the program nor a library has, and is
 * entered by signals alone: those that the program gets, and SIGSYS for the system calls that it serves
 * (filter.c).
 *
 * The kernel starts a handler with the program's rights (of all keys but 0 none: Documentation of Linux,
 * core-api/protection-keys.rst), on the stack that was in use: the program's, or in a library a protected
 * one. So frames of libraries are out of the program's reach, and nothing in a frame on the program's stack
 * is believed: another thread may change it. Three things prove what a jump to the entry cannot:
 *
 * - SIGNAL_MARK is blocked by the kernel when it delivers a signal, and never while the program runs;
 * - gettid() tells which thread this is, and so which stack of the monitor;
 * - rt_sigreturn passes the filter with the secret alone, from a copy of the frame in the monitor's memory.
 */
#ifndef NATIVE_MONITOR_H
#define NATIVE_MONITOR_H

#include "native/places.h"

#define SIGNAL_MARK 64 /* a signal that no program has: it is never sent */

#define NATIVE_PKRU                                                                                          \
	0x55555554 /* the program's: key 0 alone. The kernel's own choice for a new program, too */

/* The monitor's stacks, one for a thread. */
#define MONITOR_STACKS      NATIVE_STACKS
#define MONITOR_STACK_SHIFT 18 /* init functions that attach to others nest: 10 KiB each */
#define MONITOR_THREADS     512

/* Offsets in struct monitor_thread, and its size. */
#define MONITOR_TID   0
#define MONITOR_STACK 8
#define MONITOR_MASK  16
#define MONITOR_SHIFT 6

#ifndef __ASSEMBLER__
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "native/domain.h"

struct monitor_thread {
	uint32_t tid;    /* 0: free */
	uint32_t holds;  /* 1: a signal waits until the library has returned */
	uint64_t stack;  /* while the monitor calls a library: where the next entry's stack starts; else 0 */
	uint64_t mask;   /* signals that were blocked at the last entry */
	uint64_t held;   /* signals that were blocked before one was held */
	uint32_t shares; /* 1: the first page of its stack is the program's, too (deliver.c) */
	uint32_t unused[7];
};

_Static_assert(sizeof(struct monitor_thread) == 1 << MONITOR_SHIFT, "monitor.S scales it");
_Static_assert(offsetof(struct monitor_thread, stack) == MONITOR_STACK &&
                       offsetof(struct monitor_thread, mask) == MONITOR_MASK,
               "monitor.S uses them");

/* What the kernel puts on the stack for a handler: struct rt_sigframe of Linux
 * (arch/x86/include/asm/sigframe.h). */
struct monitor_frame {
	uint64_t restorer;
	uint64_t flags, link; /* struct ucontext from here on */
	stack_t stack;
	greg_t registers[23];
	uint64_t extended; /* address of the XSAVE area */
	uint64_t unused[8];
	uint64_t mask;
	siginfo_t info;
};

#define EXTENDED_MAX 8192 /* bytes of an XSAVE area; AVX-512 and PKRU take 2,696 */

/* A copy in the monitor's memory, which rt_sigreturn can take. */
struct monitor_copy {
	uint8_t extended[EXTENDED_MAX] __attribute__((aligned(64)));
	struct monitor_frame frame;
};

/* All that has to be there before the program's first instruction, its memory under the monitor's key. NULL,
 * or a sentence. */
struct program;
const char *monitor_start(const struct program *program);

/* The kernel is to hand the program's signal `number` to the monitor, or to treat it itself, as the program
 * wants it. 0 or -errno. */
long monitor_receive(int number);

/* Ends the process by SIGKILL, after a line on its standard error: what, and an address unless that is 0. */
_Noreturn void monitor_kill(const char *what, uint64_t address);

/* A line on standard error. */
void monitor_say(const char *what, uint64_t address);

/*
 * Calls a library's function on the protected stack that ends at `top`, with the monitor's rights: a library
 * is trusted, and only init and teardown are called so. Its result. The thread's signals are blocked.
 */
long monitor_call(uint64_t function, uint64_t argument, uint64_t top, struct monitor_thread *thread);
void monitor_sweep(void); /* at an entry: now and then frees the records of threads that are gone */
struct monitor_thread *monitor_thread(void); /* whose stack this is: the calling thread's */

/* In monitor.S: what the kernel starts for every signal; what a handler of the program returns to. */
void monitor_entry(void);
void monitor_restorer(void);
void monitor_call_end(void); /* where a call ends that goes no further: RBX: the record, RAX: the result */
_Noreturn void monitor_return(const struct monitor_frame *frame);

/* What monitor.S calls: a frame of the program or of a library; a fault of the monitor itself. */
_Noreturn void monitor_handle(int signal, uint64_t frame, struct monitor_thread *thread);
void monitor_fault(int signal, struct monitor_frame *frame);
_Noreturn void monitor_forged(void);

extern struct monitor_thread monitor_threads[MONITOR_THREADS];
#endif
#endif
