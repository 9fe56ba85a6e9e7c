#include "code.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"

uint32_t code_rights(void)
{
	uint32_t rights, high;

	__asm__ volatile("rdpkru" : "=a"(rights), "=d"(high) : "c"(0));
	return rights;
}

void code_call(const void *code, uint32_t rights)
{
	uint32_t zero = 0;

	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "call *%[code]\n"
	                 "add $128, %%rsp"
	                 : "+a"(rights), "+c"(zero)
	                 : [code] "r"(code), "d"(0)
	                 : "memory", "cc", "r8", "r9");
}

void code_call_resuming(const void *code, uint32_t rights)
{
	uint32_t zero = 0;

	__asm__ volatile("sub $128, %%rsp\n"
	                 "lea 1f(%%rip), %%r8\n"
	                 "push %%r8\n" /* where RET goes */
	                 "mov %%rsp, %%r9\n"
	                 "mov %%ss, %%r8d\n"
	                 "push %%r8\n"
	                 "push %%r9\n"
	                 "pushfq\n"
	                 "orq $0x10000, (%%rsp)\n"
	                 "mov %%cs, %%r8d\n"
	                 "push %%r8\n"
	                 "push %[code]\n"
	                 "iretq\n"
	                 "1: add $128, %%rsp"
	                 : "+a"(rights), "+c"(zero)
	                 : [code] "r"(code), "d"(0)
	                 : "memory", "cc", "r8", "r9");
}

uint8_t *code_memory(unsigned pages)
{
	uint8_t *memory =
	        mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		attack_refused("no memory");
	memset(memory, RET, pages * PAGE);
	return memory;
}

static void protect(void *memory, unsigned pages, int protection)
{
	if (!mprotect(memory, pages * PAGE, protection))
		return;
	perror("mprotect");
	attack_refused("mprotect");
}

void code_finish(void *memory, unsigned pages)
{
	protect(memory, pages, PROT_READ | PROT_EXEC);
}

void code_reopen(void *memory, unsigned pages)
{
	protect(memory, pages, PROT_READ | PROT_WRITE);
}
