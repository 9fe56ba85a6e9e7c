/* A number behind a wall. */
#ifndef SAFE_H
#define SAFE_H

void safe_put(long value);
long safe_get(void);
long safe_sum(long a, long b, long c, long d, long e, long f);

/* Where the number and a function of the library lie: what an attacker would know. */
long *safe_address(void);
void *safe_code(void);

/* Sets *inside to 1 and stays in the library until *stop is not 0. 0 or -EFAULT. */
int safe_linger(int *inside, const int *stop);

#endif
