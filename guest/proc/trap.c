/* Traps: exceptions and interrupts, from programs and from the kernel itself. */
#include "domain/fail.h"
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "panic.h"
#include "plan/run.h"
#include "proc/sched.h"
#include "vmx/vmx.h"
#include "x86/cpu.h"
#include "x86/entry.h"
#include "x86/fpu.h"
#include "x86/timer.h"

#define DR6_RESET 0xffff0ff0UL

static const struct {
	const char *name;
	int signal, code; /* signal 0: has a handler of its own below, or cannot come from a program */
} exceptions[32] = {
        [VECTOR_DE] = {"divide error", SIGFPE, FPE_INTDIV},
        [VECTOR_DB] = {"debug exception", SIGTRAP, TRAP_TRACE},
        [VECTOR_NMI] = {"non-maskable interrupt", 0, 0},
        [VECTOR_BP] = {"breakpoint", SIGTRAP, SI_KERNEL},
        [VECTOR_OF] = {"overflow", SIGSEGV, SI_KERNEL},
        [VECTOR_BR] = {"bound range exceeded", SIGSEGV, SI_KERNEL},
        [VECTOR_UD] = {"invalid opcode", SIGILL, ILL_ILLOPN},
        [VECTOR_NM] = {"device not available", SIGSEGV, SI_KERNEL},
        [VECTOR_DF] = {"double fault", 0, 0},
        [VECTOR_TS] = {"invalid TSS", SIGSEGV, SI_KERNEL},
        [VECTOR_NP] = {"segment not present", SIGBUS, SI_KERNEL},
        [VECTOR_SS] = {"stack fault", SIGBUS, SI_KERNEL},
        [VECTOR_GP] = {"general protection", SIGSEGV, SI_KERNEL},
        [VECTOR_PF] = {"page fault", 0, 0},
        [VECTOR_MF] = {"x87 exception", SIGFPE, FPE_FLTINV},
        [VECTOR_AC] = {"alignment check", SIGBUS, BUS_ADRALN},
        [VECTOR_MC] = {"machine check", 0, 0},
        [VECTOR_XM] = {"SIMD exception", SIGFPE, FPE_FLTINV},
};

static void raise(struct regs *regs, int signal, int code, uint64_t address)
{
	struct thread *thread = current_thread();

	if (domain_open_fault(regs, address))
		return;
	if (domain_current()) {
		domain_library_fault(regs, exceptions[regs->vector].name, signal, address);
		return;
	}
	thread->fault.number = signal;
	thread->fault.vector = regs->vector;
	thread->fault.error = regs->error;
	thread->fault.address = address;
	signal_fault(signal, code, address);
}

static _Noreturn void kernel_trap(const struct regs *regs)
{
	const char *name = regs->vector < ARRAY_SIZE(exceptions) ? exceptions[regs->vector].name : NULL;

	if (regs->vector == VECTOR_NMI)
		panic_at(regs, "stopped by a non-maskable interrupt");
	panic_at(regs, "%s in the kernel at %lx, error %lx, address %lx", name ? name : "unexpected trap",
	         regs->rip, regs->error, regs->vector == VECTOR_PF ? read_cr2() : 0);
}

/* A page fault of the kernel is legal at the instructions of uaccess.S only. */
static void kernel_page_fault(struct regs *regs, uint64_t address)
{
	uint64_t fixup = uaccess_fixup(regs->rip);
	struct space *space = this_cpu->space; /* clone writes to the new process, too */
	enum fault_result result = FAULT_NOT_MAPPED;

	if (!fixup || address >= DIRECT_MAP_BASE)
		kernel_trap(regs);
	if (space && address >= DOMAIN_BASE)
		result = domain_fault(address, regs->error | FAULT_U);
	else if (space)
		result = space_fault(space, address, regs->error | FAULT_U);
	if (result == FAULT_NO_MEMORY)
		run_out_of_memory(current_process()->run);
	if (result != FAULT_RESOLVED)
		regs->rip = fixup;
	else
		domain_space_filled(space, address);
}

static void user_page_fault(struct regs *regs, uint64_t address)
{
	enum fault_result result = FAULT_NOT_MAPPED;

	if (address < APPLICATION_END)
		result = space_fault(current_process()->space, address, regs->error | FAULT_U);
	else if (address >= DOMAIN_BASE && address < DOMAIN_END)
		result = domain_fault(address, regs->error);
	else if (address < DOMAIN_BASE && regs->error & FAULT_P)
		result = FAULT_PROTECTION; /* the kernel's window: the upper half, as in Linux, is never mapped */
	switch (result) {
	case FAULT_RESOLVED:
		domain_space_filled(current_process()->space, address);
		break;
	case FAULT_NOT_MAPPED:
		raise(regs, SIGSEGV, SEGV_MAPERR, address);
		break;
	case FAULT_PROTECTION:
		raise(regs, SIGSEGV, SEGV_ACCERR, address);
		break;
	case FAULT_BEYOND_FILE:
		raise(regs, SIGBUS, BUS_ADRERR, address);
		break;
	case FAULT_NO_MEMORY:
		run_out_of_memory(current_process()->run);
		break;
	}
}

static void interrupt(uint64_t vector)
{
	if (vector != VECTOR_TIMER)
		return; /* spurious: SDM vol. 3A, 10.9: no EOI */
	timer_acknowledge();
	sched_timer_interrupt();
}

/* si_code of a floating-point exception, from the status bits (IE, DE, ZE, OE, UE, PE). */
static int floating_point_code(uint32_t status)
{
	static const int codes[6] = {7, 5, 3, 4, 5, 6}; /* FPE_FLTINV, UND, DIV, OVF, UND, RES */

	for (unsigned bit = 0; bit < 6; bit++)
		if (status & 1U << bit)
			return codes[bit];
	return FPE_FLTINV;
}

static int simd_code(void)
{
	uint32_t mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return floating_point_code(mxcsr & ~(mxcsr >> 7));
}

static int x87_code(void)
{
	uint16_t status, control;

	__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
	return floating_point_code(status & ~control);
}

static void user_exception(struct regs *regs)
{
	uint64_t address = regs->rip;
	int signal = exceptions[regs->vector].signal, code = exceptions[regs->vector].code;

	if (!signal)
		kernel_trap(regs);
	if (code == SI_KERNEL)
		address = 0;
	if (regs->vector == VECTOR_MF)
		code = x87_code();
	if (regs->vector == VECTOR_XM)
		code = simd_code();
	if (regs->vector == VECTOR_DB) {
		uint64_t dr6 = read_dr6();

		write_dr6(DR6_RESET);
		if (domain_debug_exception(regs, dr6))
			return;
		if (domain_inside()) { /* the caller's single steps end at the gate: a library is not stepped */
			regs->rflags &= ~RFLAGS_TF;
			return;
		}
	}
	raise(regs, signal, code, address);
}

/*
 * The trap of a single step over SYSCALL, or one that MOV SS has put off until there (SDM vol. 3A, 6.8.3): at the first
 * instruction of the kernel, with the program's GS base still.
 */
static bool is_late_debug_trap(const struct regs *regs)
{
	return regs->vector == VECTOR_DB && !(regs->cs & 3) && regs->rip >= KERNEL_BASE && regs->cs & CS_USER_GS;
}

void trap_dispatch(struct regs *regs)
{
	uint64_t address;

	if (is_late_debug_trap(regs)) {
		write_dr6(DR6_RESET);
		return;
	}
	if (regs->vector == VECTOR_VE)
		vmx_exception(regs);
	address = regs->vector == VECTOR_PF ? read_cr2() : 0;
	if (!REGS_FROM_USER(regs)) {
		if (regs->vector >= ARRAY_SIZE(exceptions))
			interrupt(regs->vector);
		else if (regs->vector == VECTOR_PF)
			kernel_page_fault(regs, address);
		else
			kernel_trap(regs);
		return;
	}
	account_enter();
	current_thread()->regs = regs;
	domain_trapped(regs);
	if (regs->vector >= ARRAY_SIZE(exceptions))
		interrupt(regs->vector);
	else if (regs->vector == VECTOR_PF)
		user_page_fault(regs, address);
	else
		user_exception(regs);
	exit_to_user(regs);
	domain_resume(regs);
}
