/* Code made at run time, and ways to call it. */
#ifndef CODE_H
#define CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096UL

#define RET 0xc3

/*
 * WRPKRU and RET. Not a constant that a compiler may use as an immediate: the pages of the programs
 * themselves are to be clean but where they say otherwise.
 */
#define STRAY_SIZE 4
extern const uint8_t stray[STRAY_SIZE];

#define ALL_RIGHTS 0U

uint32_t code_rights(void); /* RDPKRU */

/* Calls `code` with EAX = rights and ECX = EDX = 0. It must be WRPKRU or nothing much, and RET. */
void code_call(const void *code, uint32_t rights);

/*
 * The attack itself, which gives the kernel no occasion to look: raises the rights by `code`, loads 16 bytes
 * from `from` into registers, takes the application's rights again in the same way, and only then stores
 * them. False: the rights were not raised. With `resuming` it jumps to the code by IRETQ with RFLAGS.RF set.
 */
bool code_steal(const void *code, bool resuming, const void *from, uint64_t to[2]);

/*
 * The same without leaving the library's text while the rights are raised, so that the addresses are those of
 * the library: `code` raises to `rights` and returns to `gadget` (VAULT_GADGET), which returns to `code` with
 * the application's rights.
 */
void code_steal_inside(const void *code, const void *gadget, uint32_t rights, const void *from,
                       uint64_t to[2]);

/* Anonymous private memory, readable and writable, filled with RET. Ends the program on errors. */
uint8_t *code_memory(unsigned pages);

/* Makes whole pages executable, or writable again. Ends the program with "refused:" when that is not allowed.
 */
void code_finish(void *memory, unsigned pages);
void code_reopen(void *memory, unsigned pages);

#endif
