/*
 * What attack programs share. A case attaches to the vault, tries one way to its secret, and ends:
 *
 * - "secret SECRET", status 0: it has succeeded, the vault itself has confirmed the secret;
 * - "gained: WHAT", status 0: it has succeeded, at something else than the secret;
 * - "refused: WHY", status 1: nothing was gained;
 * - by a signal: the kernel ended it.
 *
 * `PROGRAM CASE` runs one case in the process itself, with a private vault. `PROGRAM --each [CASE...]` runs
 * those cases, or all, in a child each, with a shared vault that the parent is attached to as well. It says
 * for each case
 *
 *     attack: CASE
 *     ...
 *     outcome: CASE exited STATUS
 *     vault: CASE works
 *
 * with what the child and the kernel say in between; the outcome may be "signal NUMBER"; and the vault is
 * "broken: WHY" if it does not serve the parent any more. The last line is not said of a case that has
 * succeeded.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stddef.h>
#include <stdint.h>

struct attack {
	const char *name;
	void (*run)(void); /* may return: nothing was gained */
};

/* main() of an attack program; the last row has no name. The vault is attached when a case runs. */
int attack_main(int argc, char **argv, const struct attack *table);

extern char **attack_arguments; /* argv, for a case that executes the program again */

const void *attack_secret_address(void);

/* Ends the program with what was found there: the first 16 bytes. */
_Noreturn void attack_found(const void *secret);

/* Reads the secret with the rights that the thread has now, and ends the program. */
_Noreturn void attack_read_secret(void);

/* Ends the program with the secret if it is part of the data; returns if not. */
void attack_search(const void *data, size_t size);

_Noreturn void attack_gained(const char *what);
_Noreturn void attack_refused(const char *why);

/* Ends the program, "refused", with the error of a call that returned `result`, or "nothing was refused". */
_Noreturn void attack_refused_by(const char *call, long result);

/* Waits for the child and ends the way that it ended. */
_Noreturn void attack_end_like(int child);

#endif
