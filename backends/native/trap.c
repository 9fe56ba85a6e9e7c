/* System calls that the filter sends back into the process, and the faults of argument copies. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "native/broker.h"
#include "native/domain.h"

#define SA_RESTORER 0x04000000 /* asm/signal.h */
#define MASK_SIZE   8          /* bytes of the kernel's signal sets */

/* The kernel's struct sigaction on x86-64. */
struct action {
	void *handler;
	uint64_t flags;
	void (*restorer)(void);
	uint64_t mask;
};

static uint64_t break_start, break_now;
static struct action program_actions[2]; /* what the program wants at SIGSEGV and SIGBUS */

static struct action *program_action(int number)
{
	return number == SIGSEGV ? &program_actions[0] : number == SIGBUS ? &program_actions[1] : NULL;
}

__attribute__((naked)) static void restore(void)
{
	__asm__("mov %0, %%eax\n\tsyscall" : : "i"(SYS_rt_sigreturn));
}

static long set_action(int number, const struct action *action)
{
	return native_call(SYS_rt_sigaction, number, (long)action, 0, MASK_SIZE, 0, 0);
}

/* ---- faults -----------------------------------------------------------------------------------------------
 */

/*
 * As if the runtime were not there: the program's handler gets the signal, or it ends the process. A fault
 * comes again by itself; a signal that somebody sent has to be sent again.
 */
static void pass_on(int number, siginfo_t *info, void *context)
{
	static const struct action standard;
	const struct action *action = program_action(number);

	if (action->handler == (void *)SIG_IGN && info->si_code <= 0)
		return;
	if (action->handler != (void *)SIG_DFL && action->handler != (void *)SIG_IGN) {
		((void (*)(int, siginfo_t *, void *))action->handler)(number, info, context);
		return;
	}
	set_action(number, &standard);
	if (info->si_code <= 0)
		native_call(SYS_tgkill, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0),
		            native_call(SYS_gettid, 0, 0, 0, 0, 0, 0), number, 0, 0, 0);
}

static void handle_fault(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t fixup = domain_fixup((uint64_t)registers[REG_RIP], (uint64_t)info->si_addr);

	if (fixup && info->si_code > 0)
		registers[REG_RIP] = (greg_t)fixup;
	else
		pass_on(number, info, context);
}

/* ---- pointers of the program ------------------------------------------------------------------------------
 */

static long copy(long call, void *own, void *others, size_t size)
{
	struct iovec own_part = {own, size}, other_part = {others, size};
	long pid = native_call(SYS_getpid, 0, 0, 0, 0, 0, 0);

	return native_call(call, pid, (long)&own_part, 1, (long)&other_part, 1, 0) == (long)size ? 0
	                                                                                         : -EFAULT;
}

long user_write(void *to, const void *from, size_t size)
{
	return size ? copy(SYS_process_vm_writev, (void *)from, to, size) : 0;
}

long user_read(void *to, const void *from, size_t size)
{
	return copy(SYS_process_vm_readv, to, (void *)from, size);
}

/* ---- system calls -----------------------------------------------------------------------------------------
 */

/* The break of the program, whose own the kernel has put behind the runtime. */
static long set_break(uint64_t wanted)
{
	uint64_t mapped = (break_now + PORTCULLIS_PAGE_SIZE - 1) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	uint64_t needed = (wanted + PORTCULLIS_PAGE_SIZE - 1) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);

	if (wanted < break_start || needed > PORTCULLIS_APPLICATION_END)
		return (long)break_now;
	if (needed > mapped &&
	    native_call(SYS_mmap, (long)mapped, (long)(needed - mapped), PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (long)mapped)
		return (long)break_now;
	if (needed < mapped)
		native_call(SYS_munmap, (long)needed, (long)(mapped - needed), 0, 0, 0, 0);
	break_now = wanted;
	return (long)wanted;
}

static long execute(const char *path, char *const *argv, char *const *envp)
{
	size_t count = 0;
	long error = program_check(path);

	if (error)
		return error;
	while (argv && argv[count])
		count++;

	const char *words[WORDS_BEFORE + count + 1];

	words[WORD_NAME] = "portcullis-native";
	words[WORD_EXEC] = "exec";
	words[WORD_BACKEND] = native_backend->name;
	words[WORD_PATH] = path;
	words[WORD_BROKER] = broker_name();
	words[WORD_SECRET] = broker_secret();
	for (size_t i = 0; i < count; i++)
		words[WORDS_BEFORE + i] = argv[i];
	words[WORDS_BEFORE + count] = NULL;
	return native_call(SYS_execve, (long)NATIVE_PATH, (long)words, (long)envp, 0, 0, 0);
}

/* ---- signals: SIGSYS is the runtime's, and never blocked
 * -----------------------------------------------------
 */

static uint64_t without_calls(uint64_t mask)
{
	return mask & ~(1UL << (SIGSYS - 1));
}

/* SIGSEGV and SIGBUS: the runtime's handler stays, and the program's is called by it. */
static long change_action(int number, const struct action *wanted, struct action *previous, size_t size)
{
	struct action *kept = program_action(number), old, new = {0};
	long error = 0;

	if (number == SIGSYS || size != MASK_SIZE)
		return -EINVAL;
	if (wanted)
		error = user_read(&new, wanted, sizeof(new));
	if (error)
		return error;
	new.mask = without_calls(new.mask);
	if (!kept)
		return native_call(SYS_rt_sigaction, number, wanted ? (long)&new : 0, (long)previous,
		                   MASK_SIZE, 0, 0);
	old = *kept;
	if (wanted)
		*kept = new;
	return previous ? user_write(previous, &old, sizeof(old)) : 0;
}

/* `mask`: what it is after the return from the trap. */
static long change_mask(int how, const uint64_t *wanted, uint64_t *previous, size_t size, uint64_t *mask)
{
	uint64_t old = *mask, set = 0;

	if (size != MASK_SIZE || (wanted && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK))
		return -EINVAL;
	if (wanted && user_read(&set, wanted, sizeof(set)))
		return -EFAULT;
	if (wanted)
		*mask = without_calls(how == SIG_BLOCK ? old | set : how == SIG_UNBLOCK ? old & ~set : set);
	return previous ? user_write(previous, &old, sizeof(old)) : 0;
}

/* ---- processes
 * ------------------------------------------------------------------------------------------------
 */

/* fork() and clone() of a process: the child returns from here, too, on the stack that it asks for. */
static long fork_program(unsigned long flags, uint64_t stack, long parent_id, long child_id, long storage,
                         greg_t *registers)
{
	long child;

	if (native_backend->open && domain_holds((uint64_t)registers[REG_RIP]))
		return -EPERM; /* a library's stack is its process's */
	child = domain_fork(flags, parent_id, child_id, storage);
	if (child == 0 && stack)
		registers[REG_RSP] = (greg_t)stack;
	return child;
}

static long serve(long number, ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;
	long a = registers[REG_RDI], b = registers[REG_RSI], c = registers[REG_RDX], d = registers[REG_R10];

	switch (number) {
	case PORTCULLIS_SYS_ATTACH:
		return domain_attach((const char *)a, (unsigned)b, (uint64_t)c, (uint64_t *)d,
		                     (unsigned)registers[REG_R8]);
	case PORTCULLIS_SYS_DETACH:
		return domain_detach((int)a, false);
	case PORTCULLIS_SYS_INFO:
		return domain_info((unsigned)a, (char *)b, (size_t)c, (int)d);
	case SYS_brk:
		return set_break((uint64_t)a);
	case SYS_execve:
		if (native_backend->open && domain_holds((uint64_t)registers[REG_RIP]))
			return -EPERM; /* a library cannot replace the program */
		return execute((const char *)a, (char *const *)b, (char *const *)c);
	case SYS_fork:
		return fork_program(SIGCHLD, 0, 0, 0, 0, registers);
	case SYS_clone:
		return fork_program((unsigned long)a, (uint64_t)b, c, d, registers[REG_R8], registers);
	case SYS_rt_sigaction:
		return change_action((int)a, (const struct action *)b, (struct action *)c, (size_t)d);
	case SYS_rt_sigprocmask:
		return change_mask((int)a, (const uint64_t *)b, (uint64_t *)c, (size_t)d,
		                   (uint64_t *)&context->uc_sigmask);
	default:
		return -ENOSYS;
	}
}

static void handle_call(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number;
	registers[REG_RAX] = serve(info->si_syscall, context);
}

/* ---- the start --------------------------------------------------------------------------------------------
 */

const char *trap_start(const char *backend, uint64_t end)
{
	struct action calls = {handle_call, SA_SIGINFO | SA_NODEFER | SA_RESTORER, restore, 0};
	const uint64_t calls_alone = 1UL << (SIGSYS - 1);
	struct action faults = {handle_fault, SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTORER, restore, 0};

	native_backend = native_backend_find(backend);
	if (!native_backend)
		return "there is no such backend on Linux";
	break_start = break_now = end;
	native_call(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&calls_alone, 0, MASK_SIZE, 0, 0);
	if (domain_thread_page() || set_action(SIGSYS, &calls) || set_action(SIGSEGV, &faults) ||
	    set_action(SIGBUS, &faults))
		return "its signal handlers cannot be set up";
	if (filter_install())
		return "this kernel takes no seccomp filter, so that its system calls cannot be served";
	return NULL;
}
