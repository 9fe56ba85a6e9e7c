/* What a program wants done at signals that the runtime receives in its place. */
#ifndef NATIVE_SIGNALS_H
#define NATIVE_SIGNALS_H

#include <stdint.h>

#include "native/native.h"

#define SIGNALS_MAX       64
#define SIGNAL_RESTORER   0x04000000 /* SA_RESTORER: asm/signal.h */
#define SIGNALS_MASK_SIZE 8          /* bytes of the kernel's signal sets */

/* The kernel's struct sigaction on x86-64. */
struct signal_action {
	void *handler;
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

static inline uint64_t signal_bit(int number)
{
	return (uint64_t)1 << (number - 1);
}

/* rt_sigaction(2) of the program: 0 or -errno. SIGSYS is the runtime's, and on a guarded backend SIGNAL_MARK.
 */
long signals_action(int number, long wanted, long previous, size_t size);

/* rt_sigprocmask(2) of the program, whose mask will be *mask. 0 or -errno. */
long signals_mask(int how, long wanted, long previous, size_t size, uint64_t *mask);

/* Signals wait while a thread is inside, but for those that an instruction causes: what was blocked before.
 */
uint64_t signals_hold(void);
void signals_release(uint64_t mask);

/* What the program wants; never NULL. */
struct signal_action *signals_wanted(int number);

/* Sends the signal to the calling thread. */
void signals_send(int number);

/* rt_sigaction(2) of the runtime: 0 or -errno. */
long signals_set(int number, const struct signal_action *action);

#endif
