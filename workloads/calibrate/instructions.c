/* Events that are one instruction, or a few. */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "calibrate/probe.h"
#include "crossing/empty.h"
#include "portcullis/portcullis.h"

#define FOUR_TIMES(text) text text text text
#define SIXTY_FOUR(text) FOUR_TIMES(FOUR_TIMES(FOUR_TIMES(text)))

static const char *always(void)
{
	return NULL;
}

/* ---- what a cycle is, and what an instruction costs -----------------------------------------
 *
 * On every CPU an addition that needs the result of the one before takes one cycle of the core, whatever the
 * counter's rate; a multiplication takes three or four, or the CPU is an emulator that counts instructions.
 */

static uint64_t run_additions(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("add %%rax, %%rax\n\t") : : : "rax", "cc");
	return probe_ticks() - start;
}

static uint64_t run_multiplications(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("imul %%rax, %%rax\n\t") : : : "rax", "cc");
	return probe_ticks() - start;
}

#define BLOCK 16 /* instructions */

/* A block as compilers write them: loads, stores, additions, comparisons, branches; all in the
 * caches. */
static uint64_t run_instructions(long count)
{
	static uint64_t words[72];
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += BLOCK) {
		uint64_t *at = &words[i & 31];

		__asm__ volatile("mov (%[at]), %%rax\n\t"       /* 1 */
		                 "mov 8(%[at]), %%rcx\n\t"      /* 2 */
		                 "lea 1(%%rax), %%rdx\n\t"      /* 3 */
		                 "add %%rcx, %%rdx\n\t"         /* 4 */
		                 "cmp %%rax, %%rdx\n\t"         /* 5 */
		                 "jb 1f\n\t"                    /* 6 */
		                 "mov %%rdx, 256(%[at])\n\t"    /* 7 */
		                 "1: xor %%rcx, %%rax\n\t"      /* 8 */
		                 "shr $3, %%rax\n\t"            /* 9 */
		                 "test $1, %%al\n\t"            /* 10 */
		                 "mov 16(%[at]), %%rcx\n\t"     /* 11 */
		                 "lea (%%rcx,%%rax), %%rdx\n\t" /* 12 */
		                 "mov %%edx, 264(%[at])\n\t"    /* 13 */
		                 "and $63, %%edx\n\t"           /* 14 */
		                 "cmp $64, %%edx\n\t"           /* 15 */
		                 "je 1b"                        /* 16: never */
		                 :
		                 : [at] "r"(at)
		                 : "rax", "rcx", "rdx", "cc", "memory");
	}
	return probe_ticks() - start;
}

static __attribute__((naked, noinline)) void nothing(void)
{
	__asm__("ret");
}

static uint64_t run_calls(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("call %c0\n\t") : : "i"(nothing) : "cc", "memory");
	return probe_ticks() - start;
}

static uint64_t run_rdtsc(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("rdtsc\n\t") : : : "rax", "rdx");
	return probe_ticks() - start;
}

/* Leaf 0: a VM exit and back in a guest, for nothing else than this can answer it. */
static uint64_t run_cpuid(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		__asm__ volatile("xor %%eax, %%eax\n\tcpuid" : : : "rax", "rbx", "rcx", "rdx");
	return probe_ticks() - start;
}

/* ---- protection keys (SDM vol. 2D, WRPKRU; OSPKE: CPUID leaf 7, ECX bit 4) ------------------ */

#define LEAF7_ECX_OSPKE (1u << 4)

static const char *need_keys(void)
{
	unsigned eax, ebx, ecx = 0, edx;

	if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !(ecx & LEAF7_ECX_OSPKE))
		return "this CPU has no protection keys, or its kernel does not use them (CPUID leaf 7, ECX "
		       "bit 4)";
	return NULL;
}

/* Writes what is there. */
static uint64_t run_wrpkru(long count)
{
	uint64_t start;
	uint32_t rights;

	__asm__ volatile("rdpkru" : "=a"(rights) : "c"(0) : "rdx");
	start = probe_ticks();
	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("wrpkru\n\t") : : "a"(rights), "c"(0), "d"(0) : "memory");
	return probe_ticks() - start;
}

static uint64_t run_rdpkru(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i += PROBE_UNROLLED)
		__asm__ volatile(SIXTY_FOUR("rdpkru\n\t") : : "c"(0) : "rax", "rdx");
	return probe_ticks() - start;
}

/* ---- VMFUNC (SDM vol. 3C, 26.5.6) -----------------------------------------------------------
 *
 * To view 0, in which an application is on backend `vmfunc`: what changes is nothing, what the CPU does is
 * the same.
 */

static sigjmp_buf back;

static void jump_back(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

static inline void switch_view(void)
{
	__asm__ volatile(".byte 0x0f, 0x01, 0xd4" : : "a"(0), "c"(0) : "memory");
}

static const char *need_views(void)
{
	static const int signals[] = {SIGILL, SIGSEGV};
	struct sigaction action = {.sa_handler = jump_back}, before[2];
	volatile int works = 0;

	if (strcmp(portcullis_backend(), "vmfunc"))
		return "VMFUNC needs a guest with EPT views: backend vmfunc";
	if (portcullis_attach("empty", PORTCULLIS_PRIVATE)) /* without a domain there are no views */
		return portcullis_error();
	for (unsigned i = 0; i < 2; i++)
		sigaction(signals[i], &action, &before[i]);
	if (sigsetjmp(back, 1) == 0) {
		switch_view();
		works = 1;
	}
	for (unsigned i = 0; i < 2; i++)
		sigaction(signals[i], &before[i], NULL);
	return works ? NULL : "VMFUNC is no instruction here";
}

static uint64_t run_vmfunc(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		switch_view();
	return probe_ticks() - start;
}

/* ---- a whole entrance, from which the launcher works out what differs between backends ------ */

static const char *need_library(void)
{
	if (!strcmp(portcullis_backend(), "none"))
		return "an entrance needs a protected library";
	return portcullis_attach("empty", PORTCULLIS_PRIVATE) ? portcullis_error() : NULL;
}

static uint64_t run_entrances(long count)
{
	uint64_t start = probe_ticks();

	for (long i = 0; i < count; i++)
		empty_0();
	return probe_ticks() - start;
}

const struct probe instruction_probes[] = {
        {"addition", always, run_additions, 0},
        {"multiplication", always, run_multiplications, 0},
        {"instruction", always, run_instructions, 0},
        {"function_call", always, run_calls, 0},
        {"rdtsc", always, run_rdtsc, 0},
        {"cpuid", always, run_cpuid, 0},
        {"wrpkru", need_keys, run_wrpkru, 0},
        {"rdpkru", need_keys, run_rdpkru, 0},
        {"vmfunc", need_views, run_vmfunc, 0},
        {"entrance", need_library, run_entrances, 0},
        {0},
};
