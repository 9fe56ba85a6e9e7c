/*
 * What the CPU does for a program, found by doing it. `portcullis engines` runs this: tryout WHAT
 *
 *     ring      in which ring do programs run?
 *     guard     does a read of a library's memory fault, and with which error code? (backend pku: bit 5 is
 * the key's) vmfunc    how long does a VMFUNC take, compared with a cheap instruction? (backend vmfunc)
 *
 * The answer is a record {"tryout":WHAT, ...}.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "cell.h"
#include "portcullis/portcullis.h"

#define ROUNDS 200

static sigjmp_buf after_fault;
static volatile long long error_code;

static int answer(const char *what, const char *name, unsigned long value, const char *other,
                  unsigned long second)
{
	FILE *records = fopen("/dev/records", "w");

	if (!records)
		return 1;
	fprintf(records, "{\"tryout\":\"%s\",\"%s\":%lu,\"%s\":%lu}\n", what, name, value, other, second);
	return fclose(records) != 0;
}

static int try_ring(void)
{
	unsigned long selector = 0;

	__asm__("mov %%cs, %0" : "=r"(selector));
	return answer("ring", "ring", selector & 3, "selector", selector);
}

static int attach(void)
{
	if (portcullis_attach("cell", PORTCULLIS_PRIVATE) == 0)
		return 0;
	fprintf(stderr, "tryout: %s\n", portcullis_error());
	return -1;
}

static void take_fault(int number, siginfo_t *information, void *context)
{
	(void)number, (void)information;
	error_code = ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR];
	siglongjmp(after_fault, 1);
}

static int try_guard(void)
{
	struct sigaction action = {.sa_sigaction = take_fault, .sa_flags = SA_SIGINFO};
	volatile unsigned long faults = 0;
	const volatile int *cell;

	if (attach() < 0)
		return 1;
	cell = cell_address();
	sigaction(SIGSEGV, &action, NULL);
	if (sigsetjmp(after_fault, 1))
		faults = 1;
	else
		(void)*cell;
	return answer("guard", "faults", faults, "error", (unsigned long)error_code);
}

static uint64_t read_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* The shortest of many times that ten of an instruction take, in ticks. EAX and ECX are 0: VMFUNC leaf 0 to
 * the view that the program is in already. */
#define TIME(instruction)                                                                                    \
	({                                                                                                   \
		uint64_t least = UINT64_MAX;                                                                 \
		for (unsigned round = 0; round < ROUNDS; round++) {                                          \
			uint64_t start = read_tsc(), ticks;                                                  \
			unsigned eax = 0;                                                                    \
			__asm__ volatile(".rept 10\n\t" instruction "\n\t.endr"                              \
			                 : "+a"(eax)                                                         \
			                 : "c"(0)                                                            \
			                 : "edx", "memory");                                                 \
			ticks = read_tsc() - start;                                                          \
			least = ticks < least ? ticks : least;                                               \
		}                                                                                            \
		least;                                                                                       \
	})

static int try_vmfunc(void)
{
	if (attach() < 0)
		return 1;
	return answer("vmfunc", "vmfunc_ticks", TIME(".byte 0x0f, 0x01, 0xd4"), "rdtsc_ticks", TIME("rdtsc"));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*try)(void);
	} things[] = {{"ring", try_ring}, {"guard", try_guard}, {"vmfunc", try_vmfunc}};

	for (unsigned i = 0; argc == 2 && i < sizeof(things) / sizeof(things[0]); i++)
		if (!strcmp(argv[1], things[i].name))
			return things[i].try();
	fprintf(stderr, "usage: tryout ring|guard|vmfunc\n");
	return 2;
}
