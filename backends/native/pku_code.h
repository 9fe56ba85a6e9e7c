/* Making the gates of backend `pku` (pku_gate.S). */
#ifndef NATIVE_PKU_CODE_H
#define NATIVE_PKU_CODE_H

#include "native/domain.h"
#include "native/pku.h"

#define PKU_THUNK_SIZE 16

/*
 * The application's gate to the domain that has `key`, its twin, what a failed domain's gate calls, and the
 * thunks, from the first byte of its gate pages on; PKU_THUNKS and PKU_THUNK_SIZE for each entry.
 */
void pku_write_gate(const struct native_domain *domain, unsigned key, uint8_t *code);

/* The gate from a library to another one, which has `key`, and its thunks: PKU_NESTED_THUNKS and as much. */
void pku_write_nested(const struct native_domain *from, const struct native_domain *to, unsigned key,
                      uint8_t *code);

#endif
