/* Signals between the kernel and a guarded program. */
#ifndef NATIVE_DELIVER_H
#define NATIVE_DELIVER_H

#include <signal.h>
#include <stdint.h>

/* Those that an instruction causes. They are never blocked: the kernel would end the process. */
#define SIGNALS_FAULTS                                                                                       \
	(signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGFPE) |                \
	 signal_bit(SIGTRAP) | signal_bit(SIGSYS))

const char *deliver_start(void); /* NULL, or a sentence */

#endif
