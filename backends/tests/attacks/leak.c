/*
 * Attacks on what libraries leave behind in registers: after a return, and where a thread that is inside is
 * interrupted or has to wait for another one.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "clerk.h"
#include "portcullis/portcullis.h"
#include "vault.h"

/* ---- 17: after a return -----------------------------------------------------------------------------------
 */

static struct {
	uint64_t general[9];
	uint8_t vectors[16][32];
	uint8_t x87[512] __attribute__((aligned(16))); /* as FXSAVE stores it */
} registers __attribute__((aligned(64)));

/* Calls `function` and stores what the scratch registers hold then. */
static void call_and_look(long (*function)(void))
{
	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "call *%[function]\n"
	                 "add $128, %%rsp\n"
	                 "mov %%rax, (%[to])\n"
	                 "mov %%rcx, 8(%[to])\n"
	                 "mov %%rdx, 16(%[to])\n"
	                 "mov %%rsi, 24(%[to])\n"
	                 "mov %%rdi, 32(%[to])\n"
	                 "mov %%r8, 40(%[to])\n"
	                 "mov %%r9, 48(%[to])\n"
	                 "mov %%r10, 56(%[to])\n"
	                 "mov %%r11, 64(%[to])\n"
	                 "fxsave64 %[x87]\n"
	                 "lea %[vectors], %%rax\n"
	                 ".irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
	                 "vmovdqu %%ymm\\n, 32 * \\n(%%rax)\n"
	                 ".endr\n"
	                 "vzeroupper"
	                 :
	                 : [function] "b"(function), [to] "r"(registers.general), [x87] "m"(registers.x87),
	                   [vectors] "m"(registers.vectors)
	                 : "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
	                   "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
	                   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void general(void)
{
	call_and_look(vault_registers);
	attack_search(registers.general, sizeof(registers.general));
}

static void vector(void)
{
	call_and_look(vault_registers);
	attack_search(registers.vectors, sizeof(registers.vectors));
}

static void x87(void)
{
	call_and_look(vault_registers);
	attack_search(registers.x87, 160); /* without the vector registers */
}

static void attach_clerk(void)
{
	if (portcullis_attach("clerk", PORTCULLIS_SHARED))
		attack_refused(portcullis_error());
}

/* By a call from library to library. */
static void nested(void)
{
	attach_clerk();
	call_and_look(clerk_registers);
	attack_search(&registers, sizeof(registers));
}

/* ---- 6: by a signal ---------------------------------------------------------------------------------------
 */

static volatile bool interrupted;

static void start_timer(void (*handler)(int, siginfo_t *, void *))
{
	static const struct itimerval soon = {{0, 300}, {0, 300}};
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void keep_registers(int signal, siginfo_t *info, void *context)
{
	const greg_t *saved = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	interrupted = true;
	for (unsigned i = 0; i < sizeof(registers.general) / sizeof(uint64_t); i++)
		registers.general[i] = (uint64_t)saved[i]; /* R8 to R15, RDI */
	for (unsigned i = 0; i < 8; i++)
		((uint64_t *)registers.vectors)[i] = (uint64_t)saved[8 + i]; /* RDI to RSP */
}

static void interrupted_registers(void)
{
	static const struct itimerval never;

	for (unsigned i = 0; i < 4; i++) {
		interrupted = false;
		start_timer(keep_registers);
		while (!interrupted)
			vault_wait(VAULT_TURNS_MAX / 10);
		setitimer(ITIMER_REAL, &never, NULL);
		attack_search(&registers, sizeof(registers));
	}
}

/* The handler has what rights the interrupted thread had. */
static void read_in_handler(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	attack_read_secret();
}

static void interrupted_rights(void)
{
	start_timer(read_in_handler);
	for (;;)
		vault_wait(VAULT_TURNS_MAX / 10);
}

static void interrupted_nested_rights(void)
{
	attach_clerk();
	start_timer(read_in_handler);
	for (;;)
		clerk_wait(VAULT_TURNS_MAX / 10);
}

/* ---- 6: by another thread ---------------------------------------------------------------------------------
 */

#define ROUNDS 12

static sigjmp_buf after_fault;

static void escape(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

/* Ticks before a thread gives way to one that wakes up: fewer than the kernel's slice, which is 1,000,000 on
 * Bochs. */
#define UNTOUCHED 700000

static volatile unsigned long slept; /* TSC */

/* When the other thread is due, most of this one's instructions are those of the gate. */
static void *enter_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		if (__builtin_ia32_rdtsc() - slept > UNTOUCHED)
			vault_push();
	return NULL;
}

/* The other thread has been preempted wherever it was. */
static void preempted(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, enter_for_ever, NULL))
		attack_refused("pthread_create");
	signal(SIGSEGV, escape);
	for (int i = 0; i < ROUNDS; i++) {
		struct timespec pause = {0, 1000 + 10 * i};

		slept = __builtin_ia32_rdtsc();
		nanosleep(&pause, NULL);
		if (!sigsetjmp(after_fault, 1))
			attack_read_secret();
	}
}

static const struct attack attacks[] = {
        {"general", general},
        {"vector", vector},
        {"x87", x87},
        {"nested", nested},
        {"interrupted-registers", interrupted_registers},
        {"interrupted-rights", interrupted_rights},
        {"interrupted-nested-rights", interrupted_nested_rights},
        {"preempted", preempted},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
