/*
 * An honest program whose code is full of WRPKRU sequences: it executes them with values that raise nothing,
 * and must not notice that it is watched. `harmless` prints a line for each thing that it has tried and exits
 * 0.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"
#include "vault.h"

#define RFLAGS_TF 0x100
#define SPACING   16
#define PAGES     12
#define MANY      100
#define ROUNDS    20

static void expect(int good, const char *what)
{
	printf("%s: %s\n", good ? "fine" : "wrong", what);
	if (!good)
		exit(1);
}

/* A page with `count` sequences, SPACING bytes apart. */
static uint8_t *make_page(unsigned count)
{
	uint8_t *page = code_memory(1);

	for (unsigned i = 0; i < count; i++)
		memcpy(page + SPACING * i, stray, STRAY_SIZE);
	return page;
}

static void call_all(const uint8_t *page, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		code_call(page + SPACING * i, code_rights());
}

static void counts(void)
{
	static const unsigned sizes[] = {1, 2, 3, 4, MANY};
	uint8_t *pages[sizeof(sizes) / sizeof(sizes[0])];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pages[i] = make_page(sizes[i]);
		code_finish(pages[i], 1);
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			call_all(pages[i], sizes[i]);
	expect(1, "pages with 1 to 100 sequences, in turn");
}

/* Sequences in a row without returns, over many pages, at every offset from the border. */
static void run_through(void)
{
	uint8_t *pages = code_memory(PAGES);
	size_t end = PAGES * PAGE - 1;

	for (size_t at = 0; at + 3 <= end; at += 3)
		memcpy(pages + at, stray, 3);
	code_finish(pages, PAGES);
	code_call(pages + 3 * (PAGE / 3 - 20), code_rights());
	expect(1, "sequences without a gap, through many pages");
}

#define WRITE_DISABLE_14 0x20000000U

/* Rights that are given up may be taken back: the application had them. */
static void lower(void)
{
	uint8_t *page = make_page(1);
	uint32_t rights = code_rights();

	code_finish(page, 1);
	code_call(page, rights | WRITE_DISABLE_14);
	expect(code_rights() == (rights | WRITE_DISABLE_14), "rights can be given up");
	code_call(page, rights);
	expect(code_rights() == rights, "and taken back");
}

static void *call_in_thread(void *pages)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < PAGES; i++)
			call_all((uint8_t *)pages + i * PAGE, 1 + i % 4);
		sched_yield();
	}
	return NULL;
}

static void threads_and_child(void)
{
	uint8_t *pages = code_memory(PAGES);
	pthread_t threads[3];
	int status, child;

	for (unsigned i = 0; i < PAGES * PAGE / SPACING; i++)
		if (i % (PAGE / SPACING) < 1 + i / (PAGE / SPACING) % 4)
			memcpy(pages + i * SPACING, stray, STRAY_SIZE);
	code_finish(pages, PAGES);
	for (unsigned i = 0; i < 3; i++)
		expect(!pthread_create(&threads[i], NULL, call_in_thread, pages), "a thread starts");
	child = fork();
	if (child == 0) {
		call_in_thread(pages);
		_exit(0);
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	expect(waitpid(child, &status, 0) == child && status == 0,
	       "three threads and a child call them at once");
}

/* ---- what single steps must not show ----------------------------------------------------------------------
 */

/* The following page has more sequences than there are watchpoints, and is run through by steps. */
extern const uint8_t stepped_flags[], stepped_system_call[], stepped_loop[], stepped_set_trap[],
        stepped_trap_end[];

__asm__(".pushsection .text\n"
        ".balign 4096\n"
        "stepped_flags: pushfq; pop %rax; ret\n"
        ".balign 16\n"
        "stepped_system_call: mov $39, %eax; syscall; mov %r11, %rax; ret\n" /* getpid */
        ".balign 16\n"
        "stepped_loop: xor %eax, %eax\n"
        "1: inc %rax; cmp %rdi, %rax; jne 1b; ret\n"
        ".balign 16\n"
        "stepped_set_trap: pushfq; orq $0x100, (%rsp); popfq; nop; nop; pushfq; andq $~0x100, (%rsp); popfq\n"
        "stepped_trap_end: ret\n"
        ".balign 64\n"
        "wrpkru; ret; wrpkru; ret; wrpkru; ret; wrpkru; ret; wrpkru; ret\n"
        ".balign 4096\n"
        ".popsection\n");

static unsigned long call(const void *code, unsigned long argument)
{
	return ((unsigned long (*)(unsigned long))code)(argument);
}

static volatile unsigned traps, alarms, stepped_frames;

static void count_trap(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	traps++;
	if (registers[REG_RIP] < (greg_t)stepped_trap_end)
		registers[REG_EFL] |= RFLAGS_TF;
}

static void count_alarm(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	alarms++;
	stepped_frames += ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] & RFLAGS_TF;
}

static void *send_alarms(void *target)
{
	for (unsigned i = 0; i < 50; i++) {
		pthread_kill(*(pthread_t *)target, SIGUSR1);
		usleep(100);
	}
	return NULL;
}

static void steps(void)
{
	struct sigaction trap = {.sa_sigaction = count_trap, .sa_flags = SA_SIGINFO};
	struct sigaction alarm = {.sa_sigaction = count_alarm, .sa_flags = SA_SIGINFO};
	pthread_t sender, self = pthread_self();

	expect(!(call(stepped_flags, 0) & RFLAGS_TF), "PUSHF does not show the trap flag");
	expect(!(call(stepped_system_call, 0) & RFLAGS_TF), "SYSCALL does not show the trap flag");
	sigaction(SIGUSR1, &alarm, NULL);
	expect(!pthread_create(&sender, NULL, send_alarms, &self), "a thread starts");
	expect(call(stepped_loop, 20000) == 20000, "a loop in a stepped page");
	pthread_join(sender, NULL);
	expect(alarms && !stepped_frames, "signal frames do not show the trap flag");
	sigaction(SIGTRAP, &trap, NULL);
	call(stepped_set_trap, 0);
	expect(traps == 5, "a program's own trap flag traps as often as it should");
}

static void library(void)
{
	uint32_t constant;

	memcpy(&constant, stray, sizeof(constant));
	expect(vault_constant() == constant && vault_check("a wrong guess") == 0,
	       "a library with a sequence in its text");
}

static void run(void)
{
	counts();
	run_through();
	lower();
	threads_and_child();
	steps();
	library();
	printf("harmless: all done\n");
	exit(0);
}

static const struct attack cases[] = {{"all", run}, {0}};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, cases);
}
