/* Signals raised by faults, the frame that a handler gets, alternate stacks, and the register state around
 * them. */
#include "case.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

#define SUBJECT "frames"

static volatile int handled;
static uint64_t fault_rip; /* where the next fault is expected */
static uint64_t resume_rip;

static void describe_fault(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint64_t address = (uint64_t)info->si_addr;

	handled++;
	say("%s: code %d, trap %ld, error %ld, at the instruction %d, address %s\n", signal_name(number),
	    info->si_code, (long)registers[REG_TRAPNO], (long)registers[REG_ERR],
	    registers[REG_RIP] == (greg_t)fault_rip,
	    address == fault_rip    ? "the instruction"
	    : address == 0          ? "0"
	    : address == 0x70000000 ? "as accessed"
	                            : "other");
	registers[REG_RIP] = resume_rip;
}

/* Runs instructions that fault at label 1 of this snippet, and goes on behind them. */
#define FAULT(instructions, ...)                                                                             \
	__asm__ volatile(                                                                                    \
	        "lea 1f(%%rip), %%rax; mov %%rax, %0; lea 2f(%%rip), %%rax; mov %%rax, %1\n" instructions    \
	        "\n2:"                                                                                       \
	        : "=m"(fault_rip), "=m"(resume_rip)                                                          \
	        :                                                                                            \
	        : "rax", "rbx", "rcx", "rdx", "memory", "cc", ##__VA_ARGS__)

CASE(fault_kinds)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};

	for (size_t i = 0; i < COUNT(signals); i++)
		handle_info(signals[i], describe_fault, 0);
	say("read of unmapped memory\n");
	FAULT("mov $0x70000000, %%ebx\n1: mov (%%rbx), %%rax");
	say("write to unmapped memory\n");
	FAULT("mov $0x70000000, %%ebx\n1: mov %%rax, (%%rbx)");
	say("address that is not canonical\n");
	FAULT("mov $1, %%rbx; shl $63, %%rbx\n1: mov (%%rbx), %%rax");
	say("division by zero\n");
	FAULT("xor %%ecx, %%ecx; xor %%edx, %%edx\n1: div %%ecx");
	say("quotient too large\n");
	FAULT("mov $1, %%ecx; mov $7, %%edx\n1: div %%ecx");
	say("ud2\n");
	FAULT("1: ud2");
	say("privileged\n");
	FAULT("1: hlt");
	FAULT("1: cli");
	FAULT("1: mov %%cr0, %%rax");
	FAULT("mov $0x1b, %%ecx\n1: rdmsr");
	FAULT("mov $0x80, %%edx\n1: out %%al, %%dx");
	say("breakpoint\n");
	FAULT("int3\n1:");
	say("handled %d\n", handled);
}

CASE(fault_on_protected_memory)
{
	char *at = mmap((void *)0x70000000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	must("mmap", at == MAP_FAILED ? -1 : 0);
	handle_info(SIGSEGV, describe_fault, 0);
	say("write to read-only memory\n");
	FAULT("mov $0x70000000, %%ebx; mov (%%rbx), %%eax\n1: mov %%rax, (%%rbx)");
	must("mprotect", mprotect(at, PAGE, PROT_NONE));
	say("read of no access\n");
	FAULT("mov $0x70000000, %%ebx\n1: mov (%%rbx), %%rax");
}

static void jumped(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	say("%s: code %d, trap %ld, error %lx, instruction %s, address %s\n", signal_name(number),
	    info->si_code, (long)registers[REG_TRAPNO], (long)registers[REG_ERR],
	    registers[REG_RIP] == 0x70000000 ? "there" : "elsewhere",
	    info->si_addr == (void *)0x70000000 ? "there" : "elsewhere");
	registers[REG_RIP] = resume_rip;
	registers[REG_RSP] += 8;
}

CASE(fault_at_a_fetch)
{
	handle_info(SIGSEGV, jumped, 0);
	say("unmapped\n");
	FAULT("sub $128, %%rsp; mov $0x70000000, %%ebx\n1: call *%%rbx\n2: add $128, %%rsp; jmp 3f\n3:");
	must("mmap", mmap((void *)0x70000000, PAGE, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
	                     ? -1
	                     : 0);
	*(volatile char *)0x70000000 = 1; /* the page is present */
	say("no execution\n");
	FAULT("sub $128, %%rsp; mov $0x70000000, %%ebx\n1: call *%%rbx\n2: add $128, %%rsp; jmp 3f\n3:");
}

static void floating_fault(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	say("%s: code %d, trap %ld, at the instruction %d\n", signal_name(number), info->si_code,
	    (long)registers[REG_TRAPNO], info->si_addr == (void *)registers[REG_RIP]);
	registers[REG_RIP] = resume_rip;
}

static void load_mxcsr(uint32_t value)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(value));
}

CASE(floating_point_faults)
{
	static const double zero = 0, one = 1, huge = 1e308, tiny = 1e-308;

	handle_info(SIGFPE, floating_fault, 0);
	say("SSE: division by zero\n");
	load_mxcsr(0x1f80 & ~0x200);
	__asm__ volatile("movsd %0, %%xmm0; movsd %1, %%xmm1" : : "m"(one), "m"(zero) : "xmm0", "xmm1");
	FAULT("1: divsd %%xmm1, %%xmm0");
	say("SSE: invalid\n");
	load_mxcsr(0x1f80 & ~0x80);
	__asm__ volatile("movsd %0, %%xmm0; movsd %0, %%xmm1" : : "m"(zero) : "xmm0", "xmm1");
	FAULT("1: divsd %%xmm1, %%xmm0");
	say("SSE: overflow\n");
	load_mxcsr(0x1f80 & ~0x400);
	__asm__ volatile("movsd %0, %%xmm0; movsd %0, %%xmm1" : : "m"(huge) : "xmm0", "xmm1");
	FAULT("1: mulsd %%xmm1, %%xmm0");
	say("SSE: underflow\n");
	load_mxcsr(0x1f80 & ~0x800);
	__asm__ volatile("movsd %0, %%xmm0; movsd %0, %%xmm1" : : "m"(tiny) : "xmm0", "xmm1");
	FAULT("1: mulsd %%xmm1, %%xmm0");
	load_mxcsr(0x1f80);
	say("x87: division by zero\n");
	__asm__ volatile("fninit; fldcw %0" : : "m"((uint16_t){0x37f & ~4}));
	FAULT("fld1; fldz; fdivrp\n1: fwait");
	__asm__ volatile("fninit");
}

static void single_step(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	if (handled == 0)
		say("%s: code %d, trap %ld, at the next instruction %d\n", signal_name(number), info->si_code,
		    (long)registers[REG_TRAPNO], info->si_addr == (void *)registers[REG_RIP]);
	if (++handled == 5)
		registers[REG_EFL] &= ~0x100;
}

CASE(single_step_flag)
{
	handle_info(SIGTRAP, single_step, 0);
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop; nop; nop; nop; nop; nop; nop"
	                 :
	                 :
	                 : "memory");
	say("steps %d\n", handled);
}

static void count(int number)
{
	(void)number;
	handled++;
}

CASE(fault_while_blocked_is_fatal)
{
	handle(SIGSEGV, count, 0);
	block(SIGSEGV);
	(void)*(volatile char *)0x70000000;
	say("not reached\n");
}

CASE(fault_while_ignored_is_fatal)
{
	signal(SIGSEGV, SIG_IGN);
	(void)*(volatile char *)0x70000000;
	say("not reached\n");
}

static void fault_again(int number)
{
	(void)number;
	say("in the handler\n");
	*(volatile char *)0x70000000 = 1;
}

CASE(fault_in_its_own_handler_is_fatal)
{
	handle(SIGSEGV, fault_again, 0);
	*(volatile char *)0x70000000 = 1;
	say("not reached\n");
}

static sigjmp_buf back;

static void jump_out(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

CASE(jump_out_of_handler)
{
	volatile int jumps = 0;

	handle(SIGSEGV, jump_out, 0);
	while (jumps < 100) {
		if (!sigsetjmp(back, 1))
			*(volatile char *)0x70000000 = 1;
		jumps++;
	}
	say("%d jumps\n", jumps);
}

/* Registers, flags and the red zone survive a signal at an arbitrary instruction. */
static void clobber(int number)
{
	(void)number;
	handled++;
	__asm__ volatile(
	        "mov $-1, %%rax; mov %%rax, %%rbx; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rsi;"
	        "mov %%rax, %%rdi; mov %%rax, %%r8; mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11;"
	        "mov %%rax, %%r12; mov %%rax, %%r13; mov %%rax, %%r14; mov %%rax, %%r15;"
	        "pcmpeqd %%xmm0, %%xmm0; movdqa %%xmm0, %%xmm7; movdqa %%xmm0, %%xmm15; fninit; fldpi"
	        :
	        :
	        : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
	          "r15", "xmm0", "xmm7", "xmm15");
}

CASE(registers_survive_signals)
{
	uint64_t wrong = 0;

	handle(SIGALRM, clobber, 0);
	set_timer(ITIMER_REAL, 1000, 1000);
	while (handled < 20 && !wrong)
		__asm__ volatile(
		        "mov $1, %%rbx; mov $2, %%rcx; mov $3, %%rdx; mov $4, %%rsi; mov $5, %%rdi; mov $6, "
		        "%%r8;"
		        "mov $7, %%r9; mov $8, %%r10; mov $9, %%r11; mov $10, %%r12; mov $11, %%r13;"
		        "mov $12, %%r14; mov $13, %%r15; movq %%r15, %%xmm0; movq %%r14, %%xmm7; movq %%r13, "
		        "%%xmm15;"
		        "mov $0x1234567, %%rax; mov %%rax, -120(%%rsp); mov $20000, %%eax;"
		        "1: stc; dec %%eax; jnz 1b; mov -120(%%rsp), %%rax; sub $0x1234567, %%rax;"
		        "sub $1, %%rbx; or %%rbx, %%rax; sub $2, %%rcx; or %%rcx, %%rax; sub $3, %%rdx; or "
		        "%%rdx, %%rax;"
		        "sub $4, %%rsi; or %%rsi, %%rax; sub $5, %%rdi; or %%rdi, %%rax; sub $6, %%r8; or "
		        "%%r8, %%rax;"
		        "sub $7, %%r9; or %%r9, %%rax; sub $8, %%r10; or %%r10, %%rax; sub $9, %%r11; or "
		        "%%r11, %%rax;"
		        "sub $10, %%r12; or %%r12, %%rax; sub $11, %%r13; or %%r13, %%rax; sub $12, %%r14;"
		        "or %%r14, %%rax; sub $13, %%r15; or %%r15, %%rax; movq %%xmm0, %%rbx; sub $13, "
		        "%%rbx;"
		        "or %%rbx, %%rax; movq %%xmm7, %%rbx; sub $12, %%rbx; or %%rbx, %%rax; movq %%xmm15, "
		        "%%rbx;"
		        "sub $11, %%rbx; or %%rbx, %%rax"
		        : "=&a"(wrong)
		        :
		        : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		          "r15", "xmm0", "xmm7", "xmm15", "memory", "cc");
	set_timer(ITIMER_REAL, 0, 0);
	say("%s, handled enough: %d\n", wrong ? "changed" : "unchanged", handled >= 20);
}

static void see_flags(int number)
{
	uint64_t flags;

	(void)number;
	__asm__ volatile("pushfq; pop %0" : "=r"(flags));
	say("in the handler: direction %d, trap %d\n", (flags & 0x400) != 0, (flags & 0x100) != 0);
}

CASE(flags_in_handler)
{
	uint64_t flags;

	handle(SIGTRAP, see_flags, 0);
	__asm__ volatile("std; stc; int3; pushfq; pop %0; cld" : "=r"(flags) : : "cc", "memory");
	say("after: direction %d, carry %d\n", (flags & 0x400) != 0, (flags & 1) != 0);
}

static void see_floating_point(int number)
{
	uint32_t mxcsr;
	uint16_t control;

	(void)number;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	say("in the handler: mxcsr %x control %x\n", mxcsr, control);
}

CASE(floating_point_in_handler)
{
	uint32_t mxcsr = 0x9fc0;
	uint16_t control = 0x0c7f;

	handle(SIGUSR1, see_floating_point, 0);
	__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
	raise(SIGUSR1);
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(control));
	__asm__ volatile("fninit");
	load_mxcsr(0x1f80);
	say("after: mxcsr %x control %x\n", mxcsr, control);
}

static void edit_frame(int number, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)number, (void)info;
	user->uc_mcontext.gregs[REG_RBX] += 1000;
	user->uc_mcontext.fpregs->_xmm[3].element[0] += 5;
	user->uc_mcontext.fpregs->mxcsr |= 0x8000;
	sigaddset(&user->uc_sigmask, SIGUSR2);
}

CASE(handler_edits_the_frame)
{
	uint64_t rbx = 7, xmm = 37;
	uint32_t mxcsr;
	sigset_t mask;

	handle_info(SIGTRAP, edit_frame, 0);
	__asm__ volatile("movq %1, %%xmm3; int3; movq %%xmm3, %1"
	                 : "+b"(rbx), "+r"(xmm)
	                 :
	                 : "xmm3", "memory");
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	load_mxcsr(0x1f80);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	say("rbx %lu, xmm3 %lu, mxcsr %x, blocked %d\n", rbx, xmm, mxcsr, sigismember(&mask, SIGUSR2));
}

static void forge_flags(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	registers[REG_EFL] |= 0x3000 | 0x20000; /* IOPL, VM */
	registers[REG_EFL] &= ~0x200;           /* IF */
}

CASE(frame_cannot_raise_rights)
{
	uint64_t flags;

	handle_info(SIGTRAP, forge_flags, 0);
	__asm__ volatile("int3; pushfq; pop %0" : "=r"(flags) : : "memory");
	say("flags: %lx\n", flags & 0x23200);
}

static void forge_selector(int number, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)number, (void)info;
	handled++;
	if (handled == 1)
		registers[REG_CSGSFS] = (registers[REG_CSGSFS] & ~0xffffL) | 0x10; /* a kernel selector */
}

CASE(frame_with_a_kernel_selector)
{
	handle_info(SIGTRAP, forge_selector, 0);
	__asm__ volatile("int3" : : : "memory");
	say("went on, handled %d\n", handled);
}

static void forge_address(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000UL;
}

CASE(frame_with_a_bad_address)
{
	handle_info(SIGTRAP, forge_address, 0);
	__asm__ volatile("int3" : : : "memory");
	say("not reached\n");
}

CASE(return_without_a_frame)
{
	__asm__ volatile("mov $0x70000000, %%rsp; mov $15, %%eax; syscall" : : : "memory");
	say("not reached\n");
}

static char *alternate;
#define ALTERNATE_SIZE 65536

static void on_alternate(int number)
{
	char here;
	stack_t stack, other = {.ss_sp = alternate, .ss_size = ALTERNATE_SIZE};

	must("sigaltstack", sigaltstack(NULL, &stack));
	say("%s: on it %d, flags %x\n", signal_name(number),
	    &here >= alternate && &here < alternate + ALTERNATE_SIZE, (unsigned)stack.ss_flags);
	say_result("changing it from there", sigaltstack(&other, NULL));
	if (number == SIGUSR1 && !handled++)
		raise(SIGUSR2);
}

static void use_alternate(void)
{
	stack_t stack = {0};

	alternate = mmap(NULL, ALTERNATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_sp = alternate;
	stack.ss_size = ALTERNATE_SIZE;
	must("sigaltstack", sigaltstack(&stack, NULL));
}

CASE(alternate_stack)
{
	stack_t stack, old;

	must("sigaltstack", sigaltstack(NULL, &old));
	say("before: flags %x\n", (unsigned)old.ss_flags);
	use_alternate();
	handle(SIGUSR1, on_alternate, SA_ONSTACK);
	handle(SIGUSR2, on_alternate, SA_ONSTACK);
	raise(SIGUSR1);
	handle(SIGUSR1, on_alternate, 0);
	raise(SIGUSR1);
	must("sigaltstack", sigaltstack(NULL, &old));
	say("now: same place %d, size %lu, flags %x\n", old.ss_sp == alternate, (unsigned long)old.ss_size,
	    (unsigned)old.ss_flags);
	stack = (stack_t){.ss_sp = alternate, .ss_size = 100};
	say_result("too small", sigaltstack(&stack, NULL));
	stack = (stack_t){.ss_sp = alternate, .ss_size = 65536, .ss_flags = 77};
	say_result("unknown flag", syscall(SYS_sigaltstack, &stack, NULL));
	say_result("bad pointer", syscall(SYS_sigaltstack, 8, NULL));
	stack.ss_flags = SS_DISABLE;
	say_result("disable", sigaltstack(&stack, &old));
	say("was: flags %x\n", (unsigned)old.ss_flags);
}

static void overflowed(int number, siginfo_t *info, void *context)
{
	char here;

	(void)context;
	say("%s: code %d, on the alternate stack %d\n", signal_name(number),
	    info->si_code == SEGV_ACCERR || info->si_code == SEGV_MAPERR,
	    &here >= alternate && &here < alternate + ALTERNATE_SIZE);
	_exit(4);
}

static int recurse(volatile char *above)
{
	volatile char room[4096];

	room[0] = above[0];
	if (room[0] == 'y')
		return 0;
	return recurse(room) + room[0];
}

CASE(stack_overflow)
{
	use_alternate();
	handle_info(SIGSEGV, overflowed, SA_ONSTACK);
	recurse("x");
}

CASE(stack_overflow_without_another_stack)
{
	handle_info(SIGSEGV, overflowed, 0);
	recurse("x");
}

static void child_alternate(void *argument)
{
	stack_t stack;

	(void)argument;
	must("sigaltstack", sigaltstack(NULL, &stack));
	say("inherited: %d\n", stack.ss_sp == alternate && stack.ss_flags == 0);
}

CASE(alternate_stack_after_fork)
{
	use_alternate();
	in_child("child", child_alternate, NULL);
}
