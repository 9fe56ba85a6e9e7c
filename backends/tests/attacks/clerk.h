/* A library that calls the vault, as an application would: for attacks on calls from library to library. */
#ifndef CLERK_H
#define CLERK_H

/* 1: half of the secret occurs in the guess; 0; -errno. */
long clerk_check(const char *guess);

/* What vault_wait() and vault_registers() say. */
long clerk_wait(unsigned long turns);
long clerk_registers(void);

/* Address of memory of the clerk's own that holds a copy of the guess of the last check. */
unsigned long clerk_memory(void);

#endif
