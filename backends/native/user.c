/* Copies between the runtime and a program, by instructions whose faults the runtime's handlers know. */
#include <errno.h>

#include "native/native.h"
#include "portcullis/layout.h"

extern const char user_copy_start[], user_copy_end[], user_copy_fixup[];

__attribute__((naked)) static long copy(void *to, const void *from, size_t size)
{
	__asm__("mov %%rdx, %%rcx\n"
	        "user_copy_start:\n\t"
	        "rep movsb\n"
	        "user_copy_end:\n\t"
	        "xor %%eax, %%eax\n\t"
	        "ret\n"
	        "user_copy_fixup:\n\t"
	        "mov %0, %%rax\n\t"
	        "ret"
	        :
	        : "i"(-EFAULT));
	(void)to, (void)from, (void)size;
}

long user_write(void *to, const void *from, size_t size)
{
	return copy(to, from, size);
}

long user_read(void *to, const void *from, size_t size)
{
	return copy(to, from, size);
}

uint64_t user_fixup(uint64_t instruction)
{
	if (instruction < (uint64_t)user_copy_start || instruction >= (uint64_t)user_copy_end)
		return 0;
	return (uint64_t)user_copy_fixup;
}

bool user_range(uint64_t address, size_t size)
{
	if (address < PORTCULLIS_APPLICATION_END)
		return size <= PORTCULLIS_APPLICATION_END - address;
	return address >= PORTCULLIS_DOMAINS_END && address < PORTCULLIS_USER_END &&
	       size <= PORTCULLIS_USER_END - address;
}
