/* A library with a secret. */
#ifndef TESTS_KEEPER_H
#define TESTS_KEEPER_H

void keeper_put(long value);
long keeper_get(void);
long *keeper_address(void); /* what an attacker would know */

/* Sets *inside to 1 and stays until *stop is not 0. 0 or -EFAULT. */
int keeper_stay(int *inside, const int *stop);

void keeper_crash(void);

#endif
