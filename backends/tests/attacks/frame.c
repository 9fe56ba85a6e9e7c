/* Attacks by signals: forged frames, frames in the library's memory, and handlers of a thread that is inside.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/io.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"
#include "vault.h"

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	sigaction(number, &action, NULL);
}

/* ---- 10: forged frames ------------------------------------------------------------------------------------
 */

static void (*forge)(ucontext_t *context);

static void forge_frame(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	forge(context);
}

/* The kernel continues the program from a frame that `function` has changed. */
static void return_by(void (*function)(ucontext_t *context))
{
	forge = function;
	handle(SIGUSR1, forge_frame, 0);
	raise(SIGUSR1);
}

static uint64_t stack[1024] __attribute__((aligned(16)));

/* As if `function` had been called. */
static void go_on_at(ucontext_t *context, const void *function)
{
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)function;
	context->uc_mcontext.gregs[REG_RSP] = (greg_t)&stack[1023];
}

/* Where frames have room for it: every unused word, and the PKRU of the extended state. */
static void forge_rights(ucontext_t *context)
{
	uint8_t *area = (uint8_t *)context->uc_mcontext.fpregs;

	memset(context->uc_mcontext.__reserved1, 0, sizeof(context->uc_mcontext.__reserved1));
	if (area)
		*(uint64_t *)(area + 512) |= 1UL << 9; /* XSTATE_BV; SDM vol. 1, 13.4 */
	go_on_at(context, attack_read_secret);
}

static void rights(void)
{
	return_by(forge_rights);
}

#define SELECTOR_KERNEL_CODE 8

static void forge_selector(ucontext_t *context)
{
	greg_t *selectors = &context->uc_mcontext.gregs[REG_CSGSFS];

	*selectors = (*selectors & ~0xffffL) | SELECTOR_KERNEL_CODE;
	go_on_at(context, attack_read_secret);
}

static void selector(void)
{
	return_by(forge_selector);
}

#define RFLAGS_IOPL  0x3000
#define PORT_CONSOLE 0xe9 /* harmless */

static void use_port(void)
{
	outb('\n', PORT_CONSOLE);
	attack_gained("a port");
}

static void forge_privilege(ucontext_t *context)
{
	context->uc_mcontext.gregs[REG_EFL] |= RFLAGS_IOPL;
	go_on_at(context, (const void *)use_port);
}

static void privilege(void)
{
	return_by(forge_privilege);
}

/* The gadget has loaded R8 and R9. */
static _Noreturn void take(long a, long b, long c, long d, uint64_t low, uint64_t high)
{
	const uint64_t found[2] = {low, high};

	(void)a, (void)b, (void)c, (void)d;
	attack_found(found);
}

static void forge_address(ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;

	go_on_at(context, (const void *)(vault_text() + VAULT_GADGET));
	registers[REG_R10] = (greg_t)attack_secret_address();
	registers[REG_RSP] -= 8;
	stack[1022] = (uint64_t)take;
}

/* Into the middle of the library. */
static void inside(void)
{
	return_by(forge_address);
}

/* ---- 10: frames in the library's memory -------------------------------------------------------------------
 */

/* Nothing of the library's lies there: a frame that gets there does no harm. */
static uint64_t free_memory(void)
{
	return (vault_heap() & -PAGE) + 3 * PAGE;
}

#define STACK_SIZE (4 * PAGE)

static void look_at_stack(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	if ((uint64_t)context - free_memory() < STACK_SIZE)
		attack_gained("a frame in the library's memory");
}

static void signal_stack(void)
{
	stack_t inside = {.ss_sp = (void *)free_memory(), .ss_size = STACK_SIZE};

	if (sigaltstack(&inside, NULL))
		attack_refused_by("sigaltstack", -1);
	handle(SIGUSR1, look_at_stack, SA_ONSTACK);
	raise(SIGUSR1);
}

/* The system call comes with the stack pointer in the library. */
static void call_with_stack(long number, long a, long b, uint64_t rsp)
{
	__asm__ volatile("mov %%rsp, %%r12\n"
	                 "mov %[rsp], %%rsp\n"
	                 "syscall\n"
	                 "mov %%r12, %%rsp"
	                 : "+a"(number)
	                 : "D"(a), "S"(b), [rsp] "d"(rsp)
	                 : "memory", "cc", "rcx", "r11", "r12");
}

static void stack_pointer(void)
{
	handle(SIGUSR1, look_at_stack, 0);
	call_with_stack(SYS_tkill, gettid(), SIGUSR1, free_memory() + STACK_SIZE);
}

static ucontext_t kept;

static void keep(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	memcpy(&kept, context, offsetof(ucontext_t, uc_sigmask) + 8);
}

static void say_copied(void)
{
	attack_gained("registers from the library's memory");
}

/* The kernel is to read a frame there, which the library was given to copy. */
static void return_from_inside(void)
{
	char back[VAULT_COPY_MAX];

	handle(SIGUSR1, keep, 0);
	raise(SIGUSR1);
	kept.uc_mcontext.fpregs = NULL;
	go_on_at(&kept, (const void *)say_copied);
	vault_copy(back, (const char *)&kept, offsetof(ucontext_t, uc_sigmask) + 8);
	call_with_stack(SYS_rt_sigreturn, 0, 0, vault_copy_address());
}

/* ---- 18: a handler enters the library in which its thread is ----------------------------------------------
 */

static void enter_again(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
	if (vault_held())
		attack_gained("the library is entered where a call of the same thread has not ended");
}

static volatile int victim;

static void *hold(void *unused)
{
	victim = gettid();
	vault_hold("a wrong guess", 50);
	return unused;
}

static void reentry(void)
{
	pthread_t thread;

	handle(SIGUSR1, enter_again, 0);
	if (pthread_create(&thread, NULL, hold, NULL))
		attack_refused("pthread_create");
	while (!vault_held())
		sched_yield();
	syscall(SYS_tkill, victim, SIGUSR1);
	pthread_join(thread, NULL);
}

static const struct attack attacks[] = {
        {"rights", rights},
        {"selector", selector},
        {"privilege", privilege},
        {"inside", inside},
        {"signal-stack", signal_stack},
        {"stack-pointer", stack_pointer},
        {"return-from-inside", return_from_inside},
        {"reentry", reentry},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
