#include "vault.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "portcullis/library.h"

static char secret[VAULT_SECRET_SIZE];

int vault_init(void);

/* Chosen when the library starts, so that it stands in no file. */
int vault_init(void)
{
	uint32_t low, high;
	uint64_t value;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	value = ((uint64_t)high << 32 | low) * 0x9e3779b97f4a7c15UL;
	for (unsigned i = 0; i < VAULT_SECRET_SIZE - 1; i++, value = value << 4 | value >> 60)
		secret[i] = "0123456789abcdef"[value >> 60];
	return 0;
}

long vault_check(const char *guess)
{
	char copy[VAULT_SECRET_SIZE];
	long length = portcullis_copy_in_string(copy, guess, sizeof(copy));

	return length < 0 ? length : strcmp(copy, secret) == 0;
}

long vault_check_part(const char *guess, unsigned long size)
{
	char copy[VAULT_SECRET_SIZE];
	int error;

	if (size > sizeof(copy))
		return -E2BIG;
	error = portcullis_copy_in(copy, guess, size);
	return error ? error : memcmp(copy, secret, size) == 0;
}

unsigned long vault_address(void)
{
	return (unsigned long)secret;
}

unsigned long vault_text(void)
{
	return (unsigned long)vault_constant;
}

/*
 * In assembly, so that no compiler writes it otherwise. The gadget stands for all the loads that a real
 * library has; VAULT_* in vault.h are offsets in here. On a page of its own: under pku it runs by single
 * steps.
 */
__asm__(".section .text.vault_constant, \"ax\"\n"
        ".globl vault_constant\n"
        ".type vault_constant, @function\n"
        ".balign 4096\n"
        "vault_constant:\n"
        "	mov $0xc3ef010f, %eax\n"
        "	ret\n"
        "	mov (%r10), %r8\n"
        "	mov 8(%r10), %r9\n"
        "	mov %r11d, %eax\n"
        "	ret\n"
        "	movabs $0x9090c3ef010fd68e, %rax\n"
        "	ret\n"
        ".size vault_constant, . - vault_constant\n"
        ".balign 4096\n"
        ".text\n");
