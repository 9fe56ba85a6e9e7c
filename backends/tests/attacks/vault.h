/* The victim: a library that holds a secret and tells nobody but those who know it already. */
#ifndef VAULT_H
#define VAULT_H

#define VAULT_SECRET_SIZE 17 /* 16 hexadecimal digits and a NUL */

/* 1: `guess` is the secret; 0: it is not; -errno. */
long vault_check(const char *guess);
long vault_check_part(const char *guess, unsigned long size); /* of so many bytes, without a NUL */

/* Where the secret lies. An attacker knows the library's layout anyway: it is in the image. */
unsigned long vault_address(void);

/* A constant whose encoding in this function is, from its second byte on, WRPKRU and RET. */
unsigned long vault_constant(void);

/* Address of that function, and what an attacker can jump to there. */
unsigned long vault_text(void);
#define VAULT_STRAY         1
#define VAULT_GADGET        6  /* loads R8 from (R10) and R9 from 8(R10), EAX from R11D; RET */
#define VAULT_BEHIND_MOV_SS 19 /* MOV SS, ESI; WRPKRU; RET */

/* ---- what ordinary libraries do with memory, arguments, registers and time (vault_work.c) -----------------
 */

/* 1: the data that nobody writes are what they were, and the secret may be; 0. */
long vault_intact(void);

/* Addresses of copies of the secret. */
unsigned long vault_heap(void);  /* in an allocated block */
unsigned long vault_stack(void); /* what is left of a local variable */

/* 1: that is what the copy in the allocated block is; 0; -errno. */
long vault_check_heap(const char *guess);

/* 1: `id` is the number of the calling client; 0. Only the gate data hold it. */
long vault_check_client(unsigned long id);

/* 1: half of the secret occurs in the data; 0; -EFAULT. */
long vault_search(const char *data, unsigned long size);

/* Copies application memory by way of the library's own. 0, -EFAULT, -E2BIG. */
#define VAULT_COPY_MAX 1024
long vault_copy(char *to, const char *from, unsigned long size);
long vault_copy_unchecked(char *to, const char *from, unsigned long size); /* takes any address */
unsigned long vault_copy_address(void);                                    /* of the library's own memory */

/*
 * Copies a notice of at most 32 bytes, which lies between two copies of the secret. 0, -EFAULT, -EINVAL. The
 * request is read once, or, unchecked, twice.
 */
#define VAULT_NOTICE_SIZE 32
struct vault_request {
	unsigned long length;
	char *to;
};
long vault_show(char *to, unsigned long length);
long vault_notice(const struct vault_request *request);
long vault_notice_unchecked(const struct vault_request *request);

/* 1: floating-point arithmetic has the results that it must have; 0. */
long vault_numbers(void);

/* Pushes RBX and RBP, and pops them. */
void vault_push(void);

/* Calls itself that often, each time with the text in a local variable: returns `depth`; -errno. */
long vault_recurse(const char *text, unsigned long depth);

/* Leaves the secret in every scratch register: general, vector and x87. 0. */
long vault_registers(void);

/* Holds the secret in registers for so many turns of a loop, at least 1. 0, -EINVAL. */
#define VAULT_TURNS_MAX 1000000
long vault_wait(unsigned long turns);

/*
 * Holds it in a local variable while others have so many turns, or until that variable has changed. 1: it
 * holds the guess then; 0; -errno. The other: where that variable is, 0: nowhere.
 */
long vault_hold(const char *guess, unsigned long turns);
unsigned long vault_held(void);

#endif
