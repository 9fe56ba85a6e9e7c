/* Ways around the gate: signals, restartable sequences, jumps into gates and into the runtime. */
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "keeper.h"
#include "native/monitor.h"
#include "native/pku.h"
#include "raid.h"

#define PAGE            4096
#define RUNTIME_SIZE    0x80000
#define TURNS           2000000
#define SIGNATURE       0x53053053 /* in front of an abort handler: rseq(2) */
#define HEADER_FEATURES 512        /* in an XSAVE area */

static int inside, stop;

static void *stay(void *unused)
{
	keeper_stay(&inside, &stop);
	return unused;
}

/* ---- signals ---- */

/* A handler that changes PKRU in its frame, and returns. */
static void forge(int number, siginfo_t *info, void *context)
{
	uint8_t *area = (uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
	unsigned size, offset, c, d;
	uint64_t features;

	(void)number, (void)info;
	__cpuid_count(13, 9, size, offset, c, d);
	memcpy(&features, area + HEADER_FEATURES, sizeof(features));
	features |= 0x200;
	memcpy(area + HEADER_FEATURES, &features, sizeof(features));
	if (size)
		memset(area + offset, 0, sizeof(uint32_t));
}

static bool frame(void)
{
	struct sigaction action = {.sa_sigaction = forge, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	return *(volatile long *)raid_address == raid_secret;
}

/* Where it gains something, it says so itself: the thread may not come back from there. */
static void look(int number)
{
	(void)number;
	if (inside && !stop && *(volatile long *)raid_address == raid_secret) {
		printf("raid: handler on %s: gained\n", raid_backend);
		fflush(stdout);
		_exit(0);
	}
	stop = 1;
}

/* The signal comes while the thread is inside. */
static void *send_signal(void *thread)
{
	while (!*(volatile int *)&inside)
		sched_yield();
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	for (long i = 0; i < TURNS / 1000 && !*(volatile int *)&stop; i++)
		sched_yield();
	stop = 1;
	return NULL;
}

static bool handler(void)
{
	pthread_t self = pthread_self(), sender;

	signal(SIGUSR1, look);
	if (pthread_create(&sender, NULL, send_signal, &self))
		exit(3);
	keeper_stay(&inside, &stop);
	pthread_join(sender, NULL);
	return false;
}

/* ---- rseq: the kernel moves a thread that it has preempted in [start, start + length) to `abort`, as it is
 * ---- */

static struct {
	uint32_t cpu_start, cpu;
	uint64_t section;
	uint32_t flags;
} area __attribute__((aligned(32)));
static struct {
	uint32_t version, flags;
	uint64_t start, length, abort;
} section __attribute__((aligned(32)));

static uint8_t abort_stack[65536] __attribute__((aligned(16), used));

__attribute__((used)) static void abort_with(long found)
{
	printf("raid: rseq on %s: %s\n", raid_backend, found == raid_secret ? "gained" : "refused");
	fflush(stdout);
	_exit(0);
}

__attribute__((naked, used)) static void abort_handler(void)
{
	__asm__(".long %c0\n"
	        "raid_abort:\n\t"
	        "mov raid_address(%%rip), %%rdi\n\t"
	        "mov (%%rdi), %%rdi\n\t"
	        "lea abort_stack+65536(%%rip), %%rsp\n\t"
	        "call abort_with"
	        :
	        : "i"(SIGNATURE));
}

static void *yield_for_ever(void *unused)
{
	for (;;)
		sched_yield();
	return unused;
}

static bool rseq(void)
{
	extern const char raid_abort[];
	pthread_t other, inside_one;

	if (syscall(SYS_rseq, &area, 32, 0, SIGNATURE))
		return false;
	section.start = (uint64_t)raid_address & ~(PORTCULLIS_DOMAIN_SIZE - 1);
	section.length = PORTCULLIS_DOMAIN_SIZE / 2;
	section.abort = (uint64_t)raid_abort;
	if (pthread_create(&other, NULL, yield_for_ever, NULL) ||
	    pthread_create(&inside_one, NULL, send_signal, &other))
		exit(3);
	signal(SIGUSR1, SIG_IGN);
	for (int i = 0; i < 20; i++) {
		area.section = (uint64_t)&section;
		stop = 0;
		keeper_stay(&inside, &stop);
	}
	return false;
}

/* ---- jumps ---- */

__attribute__((noinline)) static const uint8_t *find(const uint8_t *from, size_t size, const void *bytes,
                                                     size_t length)
{
	return memmem(from, size, bytes, length);
}

static const uint8_t *gate(void)
{
	return (const uint8_t *)((uint64_t)raid_address & ~(PORTCULLIS_DOMAIN_SIZE - 1));
}

/* The WRPKRU that takes the rights away, with all rights in EAX. It returns what the library's secret is
 * then. */
__attribute__((naked)) static long jump_with_all_rights(const void *to, const long *address)
{
	__asm__("mov %rsi, %r8\n\t"
	        "lea 1f(%rip), %rdx\n\t"
	        "push %rdx\n\t"
	        "xor %ecx, %ecx\n\t"
	        "xor %edx, %edx\n\t"
	        "xor %eax, %eax\n\t"
	        "jmp *%rdi\n"
	        "1:\tmov (%r8), %rax\n\t"
	        "ret");
	(void)to, (void)address;
}

static bool gate_exit(void)
{
	static const uint8_t wrpkru[] = {0x0f, 0x01, 0xef};
	const uint8_t *up = find(gate(), PAGE, wrpkru, sizeof(wrpkru));
	const uint8_t *down = find(up + 1, PAGE, wrpkru, sizeof(wrpkru));

	return jump_with_all_rights(down, raid_address) == raid_secret;
}

static bool gate_entry(void)
{
	static const uint8_t wrpkru[] = {0x0f, 0x01, 0xef};

	return jump_with_all_rights(find(gate(), PAGE, wrpkru, sizeof(wrpkru)), raid_address) == raid_secret;
}

__attribute__((naked)) static long enter(const void *to, uint64_t index)
{
	__asm__("mov %esi, %eax\n\tjmp *%rdi");
	(void)to, (void)index;
}

static long thief(void)
{
	return *(volatile long *)raid_address;
}

/* An index whose "entry" is the number that the library keeps: the address of code of the program. */
static bool entry_index(void)
{
	uint64_t entries = ((uint64_t)raid_address & ~(PORTCULLIS_DOMAIN_SIZE - 1)) + PKU_ENTRIES;

	raid_secret = (long)thief;
	keeper_put(raid_secret);
	return enter(gate(), ((uint64_t)raid_address - entries) / 8) == raid_secret;
}

/* Where the kernel starts the monitor, with a frame of the program's own making. */
static bool signal_entry(void)
{
	static const uint8_t raise[] = {0x31, 0xc9, 0x31, 0xd2, 0x31, 0xc0, 0x0f, 0x01, 0xef, 0x85, 0xc0};
	const uint8_t *entry = find((const uint8_t *)NATIVE_TEXT, RUNTIME_SIZE, raise, sizeof(raise));

	return jump_with_all_rights(entry, raid_address) == raid_secret;
}

/* A system call of the program, by an instruction of the runtime's. */
__attribute__((naked)) static long call_by(const void *syscall_and_ret, long number, long a, long b, long c,
                                           long d)
{
	__asm__("mov %rsi, %rax\n\t"
	        "mov %rdi, %r11\n\t"
	        "mov %rdx, %rdi\n\t"
	        "mov %rcx, %rsi\n\t"
	        "mov %r8, %rdx\n\t"
	        "mov %r9, %r10\n\t"
	        "xor %r9d, %r9d\n\t"
	        "jmp *%r11");
	(void)syscall_and_ret, (void)number, (void)a, (void)b, (void)c, (void)d;
}

static bool runtime_call(void)
{
	static const uint8_t bytes[] = {0x0f, 0x05,
	                                0xc3}; /* syscall; ret: of the C library that the runtime links */
	const uint8_t *instruction = find((const uint8_t *)NATIVE_TEXT, RUNTIME_SIZE, bytes, sizeof(bytes));
	long page = (long)raid_address & -PAGE;

	if (!instruction)
		exit(3);
	return call_by(instruction, SYS_pkey_mprotect, page, PAGE, PROT_READ | PROT_WRITE, 0) == 0 &&
	       *(volatile long *)raid_address == raid_secret;
}

/* A SYSCALL instruction of the library's, for a text of the runtime's into the library's memory. */
static bool library_call(void)
{
	static const uint8_t bytes[] = {0x0f, 0x05, 0xc3};
	const uint8_t *text = gate() + PORTCULLIS_IMAGE_OFFSET, *instruction = NULL;

	for (unsigned page = 0; page < 8 && !instruction; page++)
		instruction = find(text + page * PAGE, PAGE, bytes, sizeof(bytes));
	if (!instruction)
		exit(3);
	return call_by(instruction, PORTCULLIS_SYS_INFO, PORTCULLIS_INFO_BACKEND, (long)raid_address, 8, 0) >=
	       0;
}

/* ---- what the kernel could be made to do ---- */

/* PR_SET_SECCOMP of a filter that is nowhere: EFAULT if the program may have one. */
static bool own_filter(void)
{
	return syscall(SYS_prctl, 22, 2, 0, 0, 0) < 0 && errno == EFAULT;
}

static bool dispatch(void)
{
	return syscall(SYS_prctl, 59, 0, 0, 0, 0) ==
	       0; /* PR_SET_SYSCALL_USER_DISPATCH, off: the right to it counts */
}

static bool keys(void)
{
	for (int key = 1; key < 16; key++)
		syscall(SYS_pkey_free, key);
	for (int i = 1; i < 16; i++)
		syscall(SYS_pkey_alloc, 0, 0); /* comes with rights for this thread */
	return *(volatile long *)raid_address == raid_secret;
}

static bool beside(void)
{
	pthread_t thread;
	bool gained;

	if (pthread_create(&thread, NULL, stay, NULL))
		exit(3);
	while (!*(volatile int *)&inside)
		sched_yield();
	gained = *(volatile long *)raid_address == raid_secret;
	stop = 1;
	pthread_join(thread, NULL);
	return gained;
}

const struct raid_case raid_ways[] = {
        {"frame", frame},
        {"handler", handler},
        {"rseq", rseq},
        {"gate-entry", gate_entry},
        {"gate-exit", gate_exit},
        {"index", entry_index},
        {"signal-entry", signal_entry},
        {"runtime-call", runtime_call},
        {"library-call", library_call},
        {"filter", own_filter},
        {"dispatch", dispatch},
        {"keys", keys},
        {"beside", beside},
        {0},
};
