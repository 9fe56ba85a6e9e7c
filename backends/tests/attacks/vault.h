/* The victim: a library that holds a secret and tells nobody but those who know it already. */
#ifndef VAULT_H
#define VAULT_H

#define VAULT_SECRET_SIZE 17 /* 16 hexadecimal digits and a NUL */

/* 1: `guess` is the secret; 0: it is not; -errno. */
long vault_check(const char *guess);

/* Where the secret lies. An attacker knows the library's layout anyway: it is in the image. */
unsigned long vault_address(void);

/* A constant whose encoding in this function, from its second byte on, is WRPKRU and RET. */
unsigned long vault_constant(void);
unsigned long vault_text(void); /* address of that function's code */

#endif
