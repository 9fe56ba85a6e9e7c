/* The system-call table and its dispatcher. */
#include "lib/errno.h"
#include "proc/sched.h"
#include "x86/entry.h"

#define SYSCALL(number, name) long sys_##name();
#include "proc/syscalls.h"
#undef SYSCALL

typedef long (*syscall_function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static const syscall_function table[] = {
#define SYSCALL(number, name) [number] = (syscall_function)sys_##name,
#include "proc/syscalls.h"
#undef SYSCALL
};

void syscall_dispatch(struct regs *regs)
{
	uint64_t number = regs->rax;

	account_enter();
	current_thread()->regs = regs;
	if (number < ARRAY_SIZE(table) && table[number])
		regs->rax = (uint64_t)table[number](regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8,
		                                    regs->r9);
	else
		regs->rax = (uint64_t)-ENOSYS;
	exit_to_user(regs);
}
