/*
 * Backends that do not guard a program's signals: system calls that the filter sends back into the process,
 * and the faults of argument copies. The frames lie on the program's stack.
 */
#include <signal.h>

#include "native/domain.h"
#include "native/signals.h"

__attribute__((naked)) static void restore(void)
{
	__asm__("mov %0, %%eax\n\tsyscall" : : "i"(SYS_rt_sigreturn));
}

/*
 * As if the runtime were not there: the program's handler gets the signal, or it ends the process. A fault
 * comes again by itself; a signal that somebody sent has to be sent again.
 */
static void pass_on(int number, siginfo_t *info, void *context)
{
	static const struct signal_action standard;
	const struct signal_action *action = signals_wanted(number);

	if (action->handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	if (action->handler != (void *)SIG_DFL && action->handler != (void *)SIG_IGN) {
		((void (*)(int, siginfo_t *, void *))action->handler)(number, info, context);
		return;
	}
	signals_set(number, &standard);
	if (info->si_code <= 0)
		signals_send(number);
}

static void handle_fault(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t instruction = (uint64_t)registers[REG_RIP], fixup = user_fixup(instruction);

	if (!fixup)
		fixup = domain_fixup(instruction, (uint64_t)info->si_addr);
	if (fixup && info->si_code > 0)
		registers[REG_RIP] = (greg_t)fixup;
	else
		pass_on(number, info, context);
}

static void handle_call(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	registers[REG_RAX] =
	        call_serve(info->si_syscall, registers, (uint64_t *)&((ucontext_t *)context)->uc_sigmask,
	                   domain_holds((uint64_t)registers[REG_RIP]));
}

const char *trap_start(void)
{
	struct signal_action calls = {handle_call, SA_SIGINFO | SA_NODEFER | SIGNAL_RESTORER, restore, 0};
	struct signal_action faults = {handle_fault, SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SIGNAL_RESTORER,
	                               restore, 0};

	const uint64_t calls_alone = signal_bit(SIGSYS);

	native_call(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&calls_alone, 0, SIGNALS_MASK_SIZE, 0, 0);
	if (signals_set(SIGSYS, &calls) || signals_set(SIGSEGV, &faults) || signals_set(SIGBUS, &faults))
		return "its signal handlers cannot be set up";
	return NULL;
}
