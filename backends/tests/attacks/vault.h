/* The victim: a library that holds a secret and tells nobody but those who know it already. */
#ifndef VAULT_H
#define VAULT_H

#define VAULT_SECRET_SIZE 17 /* 16 hexadecimal digits and a NUL */

/* 1: `guess` is the secret; 0: it is not; -errno. */
long vault_check(const char *guess);

/* Where the secret lies. An attacker knows the library's layout anyway: it is in the image. */
unsigned long vault_address(void);

/* A constant whose encoding in this function is, from its second byte on, WRPKRU and RET. */
unsigned long vault_constant(void);

/* Address of that function, and what an attacker can jump to there. */
unsigned long vault_text(void);
#define VAULT_STRAY         1
#define VAULT_GADGET        6  /* loads R8 from (R10) and R9 from 8(R10), EAX from R11D; RET */
#define VAULT_BEHIND_MOV_SS 19 /* MOV SS, ESI; WRPKRU; RET */

#endif
