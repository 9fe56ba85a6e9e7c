/*
 * What becomes of a signal: a system call is served, the program's handler is started, or the signal waits
 * until the library has returned.
 */
#include "native/deliver.h"

#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "image/unwind.h"
#include "native/monitor.h"
#include "native/pku.h"
#include "native/signals.h"
#include "native/watch.h"

#define SECCOMP_CODE   1 /* si_code of SIGSYS by a filter: SYS_SECCOMP */
#define WATCH_CODE     6 /* of SIGTRAP by a watchpoint: TRAP_PERF */
#define RED_ZONE       128
#define FLAG_TRAP      0x100 /* RFLAGS: SDM vol. 1, 3.4.3 */
#define FLAG_DIRECTION 0x400
#define FLAG_RESUME    0x10000
#define NO_STACK       2 /* ss_flags: SS_DISABLE */

/*
 * Offsets in the XSAVE area of a frame. The legacy part has 48 bytes for software, in which Linux describes
 * the area (struct _fpx_sw_bytes, asm/sigcontext.h); then the header (SDM vol. 1, 13.4.2).
 */
#define SOFTWARE_MAGIC    464
#define SOFTWARE_SIZE     468 /* of the area and the second magic word */
#define SOFTWARE_FEATURES 472
#define HEADER_FEATURES   512
#define HEADER_REST       520
#define HEADER_END        576
#define MAGIC             0x46505853
#define PKRU_FEATURE      0x200 /* XCR0 bit 9 */

static unsigned rights_offset; /* of PKRU in an XSAVE area (SDM vol. 1, 13.5.7) */

const char *deliver_start(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid_count(13, 9, &a, &b, &c, &d) || a < sizeof(uint32_t) || b < HEADER_END ||
	    b > EXTENDED_MAX - sizeof(uint32_t))
		return "this CPU does not say where XSAVE puts PKRU (CPUID leaf 13, 9)";
	rights_offset = b;
	if (!__get_cpuid_count(13, 0, &a, &b, &c, &d) || b + sizeof(uint32_t) > EXTENDED_MAX)
		return "the registers of this CPU take more room in a signal frame than the monitor has";
	return NULL;
}

/* ---- frames ---- */

static void set_rights(struct monitor_copy *copy, uint32_t rights)
{
	uint64_t features;

	memcpy(&features, copy->extended + HEADER_FEATURES, sizeof(features));
	features |= PKRU_FEATURE;
	memcpy(copy->extended + HEADER_FEATURES, &features, sizeof(features));
	memcpy(&features, copy->extended + SOFTWARE_FEATURES, sizeof(features));
	features |= PKRU_FEATURE;
	memcpy(copy->extended + SOFTWARE_FEATURES, &features, sizeof(features));
	memset(copy->extended + HEADER_REST, 0, HEADER_END - HEADER_REST); /* the standard format */
	memcpy(copy->extended + rights_offset, &rights, sizeof(rights));
}

/* The frame at `from` and its XSAVE area, wherever they lie. 0 or -EFAULT. */
static long read_frame(uint64_t from, struct monitor_copy *copy, bool program)
{
	uint32_t magic, size;
	uint64_t extended;

	if ((program && !user_range(from, sizeof(copy->frame)) && !pku_landing(from)) ||
	    user_read(&copy->frame, (const void *)from, sizeof(copy->frame)))
		return -EFAULT;
	extended = copy->frame.extended;
	if ((program && !user_range(extended, EXTENDED_MAX) && !pku_landing(extended)) ||
	    user_read(copy->extended, (const void *)extended, HEADER_END))
		return -EFAULT;
	memcpy(&magic, copy->extended + SOFTWARE_MAGIC, sizeof(magic));
	memcpy(&size, copy->extended + SOFTWARE_SIZE, sizeof(size));
	if (magic != MAGIC || size > EXTENDED_MAX || size < rights_offset + sizeof(uint32_t))
		return -EFAULT;
	if (user_read(copy->extended, (const void *)extended, size))
		return -EFAULT;
	memcpy(copy->extended + SOFTWARE_SIZE, &size, sizeof(size)); /* it may have changed meanwhile */
	memcpy(copy->extended + SOFTWARE_MAGIC, &magic, sizeof(magic));
	copy->frame.extended = (uint64_t)copy->extended;
	return 0;
}

/* What a program may choose is left; the rest becomes what a program has. */
static void take_rights(struct monitor_copy *copy)
{
	if (!native_weakened(NATIVE_WEAKEN_SIGRETURN))
		set_rights(copy, NATIVE_PKRU);
	copy->frame.mask &= ~(signal_bit(SIGNAL_MARK) | SIGNALS_FAULTS);
	/* With it an instruction would not meet its watchpoint. */
	copy->frame.registers[REG_EFL] &= ~(greg_t)FLAG_RESUME;
}

/* ---- handlers of the program ---- */

/* By the kernel's default: the signal comes again, and nobody handles it. */
static void end_by(int signal, struct monitor_copy *copy)
{
	static const struct signal_action standard;
	signals_set(signal, &standard);
	copy->frame.mask &= ~signal_bit(signal);
	if (copy->frame.info.si_code <= 0 || !(SIGNALS_FAULTS & signal_bit(signal)))
		signals_send(signal);
}

static bool on_stack(const stack_t *stack, uint64_t rsp)
{
	return rsp - (uint64_t)stack->ss_sp <= stack->ss_size;
}

/* A frame on the program's stack, as the kernel would have made it. Its address, 0: there is no room. */
static uint64_t write_frame(const struct monitor_copy *copy, uint64_t top)
{
	struct monitor_frame frame = copy->frame;
	uint64_t at;
	uint32_t size;

	memcpy(&size, copy->extended + SOFTWARE_SIZE, sizeof(size));
	frame.extended = (top - size) & ~(uint64_t)63;
	frame.restorer = (uint64_t)monitor_restorer;
	at = ((frame.extended - sizeof(frame)) & ~(uint64_t)15) - 8;
	if ((!user_range(at, top - at) && !native_weakened(NATIVE_WEAKEN_DEFER)) ||
	    user_write((void *)frame.extended, copy->extended, size) ||
	    user_write((void *)at, &frame, sizeof(frame)))
		return 0;
	return at;
}

static void start_handler(int signal, struct monitor_copy *copy)
{
	struct signal_action *wanted = signals_wanted(signal), action = *wanted;
	greg_t *registers = copy->frame.registers;
	const stack_t *stack = &copy->frame.stack;
	uint64_t top = (uint64_t)registers[REG_RSP] - RED_ZONE, at;

	if ((action.flags & SA_ONSTACK) && !(stack->ss_flags & NO_STACK) &&
	    !on_stack(stack, (uint64_t)registers[REG_RSP]))
		top = (uint64_t)stack->ss_sp + stack->ss_size;
	at = write_frame(copy, top);
	if (!at) {
		end_by(SIGSEGV, copy);
		signals_send(SIGSEGV);
		return;
	}
	if (action.flags & SA_RESETHAND)
		wanted->handler = (void *)SIG_DFL;
	registers[REG_RIP] = (greg_t)action.handler;
	registers[REG_RSP] = (greg_t)at;
	registers[REG_RDI] = signal;
	registers[REG_RSI] = (greg_t)(at + offsetof(struct monitor_frame, info));
	registers[REG_RDX] = (greg_t)(at + offsetof(struct monitor_frame, flags));
	registers[REG_RAX] = 0;
	registers[REG_EFL] &= ~(greg_t)(FLAG_DIRECTION | FLAG_TRAP);
	copy->frame.mask |= action.mask | (action.flags & SA_NODEFER ? 0 : signal_bit(signal));
	copy->frame.mask &= ~(signal_bit(SIGNAL_MARK) | SIGNALS_FAULTS);
}

static void deliver(int signal, struct monitor_copy *copy)
{
	const struct signal_action *wanted = signals_wanted(signal);
	bool fault = (SIGNALS_FAULTS & signal_bit(signal)) && copy->frame.info.si_code > 0;

	if (wanted->handler == (void *)SIG_DFL || (wanted->handler == (void *)SIG_IGN && fault))
		end_by(signal, copy);
	else if (wanted->handler != (void *)SIG_IGN)
		start_handler(signal, copy);
}

/* ---- system calls ---- */

/* The program's rt_sigreturn: its frame, which it may have changed, lies where its stack pointer says. */
static void return_from_handler(struct monitor_copy *copy)
{
	uint64_t at = (uint64_t)copy->frame.registers[REG_RSP] - sizeof(uint64_t);

	if (read_frame(at, copy, true))
		monitor_kill("portcullis: a signal frame that is none", at);
	take_rights(copy);
}

static void serve(struct monitor_copy *copy, struct monitor_thread *thread, bool program)
{
	greg_t *registers = copy->frame.registers;
	long number = copy->frame.info.si_syscall;

	if (number == SYS_rt_sigreturn && program) {
		return_from_handler(copy);
	} else if (number == NATIVE_SYS_RELEASE && program) {
		if (thread->holds)
			copy->frame.mask = thread->held;
		thread->holds = 0;
	} else {
		registers[REG_RAX] = call_serve(number, registers, &copy->frame.mask, !program);
	}
}

/* ---- where the signal came ---- */

/* A gate has found that it was entered where it is not to be. The program has no say in what follows. */
static void end_in_gate(struct monitor_copy *copy)
{
	monitor_say("portcullis: a jump into a gate", (uint64_t)copy->frame.registers[REG_RIP]);
	end_by(SIGILL, copy);
}

/* To the program, in its rights. Nothing in the frame is believed. */
static void from_program(int signal, struct monitor_copy *copy, struct monitor_thread *thread)
{
	const siginfo_t *info = &copy->frame.info;
	uint32_t rights;

	memcpy(&rights, copy->extended + rights_offset, sizeof(rights));
	take_rights(copy);
	pku_leave_gate(copy->frame.registers);
	if (signal == SIGILL && pku_in_gate((uint64_t)copy->frame.registers[REG_RIP]))
		end_in_gate(copy);
	else if (signal == SIGSYS && info->si_code == SECCOMP_CODE)
		serve(copy, thread, true);
	else if (signal == SIGTRAP && info->si_code == WATCH_CODE)
		watch_hit(&copy->frame, rights);
	else
		deliver(signal, copy);
}

/* The signal is sent again, and waits blocked until the outermost gate returns to the program. */
static void hold(int signal, struct monitor_copy *copy, struct monitor_thread *thread)
{
	if (native_call(SYS_rt_tgsigqueueinfo, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0), thread->tid, signal,
	                (long)&copy->frame.info, 0, 0))
		monitor_kill("portcullis: a signal cannot be held", 0);
	if (!thread->holds)
		thread->held = copy->frame.mask & ~signal_bit(SIGNAL_MARK);
	thread->holds = 1;
	copy->frame.mask = ~(SIGNALS_FAULTS | signal_bit(SIGNAL_MARK));
	pku_divert(copy->frame.registers);
}

/* A function that the monitor itself has called has crashed. */
static void end_call(greg_t *registers, const struct monitor_thread *thread)
{
	registers[REG_RIP] = (greg_t)monitor_call_end;
	registers[REG_RBX] = (greg_t)thread;
	registers[REG_RAX] = -EINTR;
}

static bool read_library(void *to, uint64_t from, size_t size)
{
	return !user_read(to, (const void *)from, size);
}

/* The domain has failed; the call of its gate returns PORTCULLIS_FAILED, with the registers that it has to
 * keep. */
static void fail_library(int signal, greg_t *registers)
{
	const struct native_domain *domain = domain_at((uint64_t)registers[REG_RIP]);
	const struct unwind_image image = {domain->base + PORTCULLIS_IMAGE_OFFSET + domain->plan.unwind,
	                                   domain->base + PORTCULLIS_IMAGE_OFFSET, domain->plan.memory_size,
	                                   read_library};
	struct unwind_registers inside = {(uint64_t)registers[REG_RBX], (uint64_t)registers[REG_RBP],
	                                  (uint64_t)registers[REG_RSP], (uint64_t)registers[REG_R12],
	                                  (uint64_t)registers[REG_R13], (uint64_t)registers[REG_R14],
	                                  (uint64_t)registers[REG_R15], (uint64_t)registers[REG_RIP]};

	domain_fail(domain, signal == SIGILL   ? "an invalid opcode"
	                    : signal == SIGFPE ? "a division"
	                                       : "a page fault");
	if (!domain->plan.unwind || !unwind_call(&image, &inside) || !pku_possible(inside.rip) ||
	    !pku_in_gate(inside.rip))
		monitor_kill("portcullis: a fault inside a library, whose stack does not lead out",
		             inside.rip);
	registers[REG_RBX] = (greg_t)inside.rbx;
	registers[REG_RBP] = (greg_t)inside.rbp;
	registers[REG_RSP] = (greg_t)inside.rsp;
	registers[REG_R12] = (greg_t)inside.r12;
	registers[REG_R13] = (greg_t)inside.r13;
	registers[REG_R14] = (greg_t)inside.r14;
	registers[REG_R15] = (greg_t)inside.r15;
	registers[REG_RIP] = (greg_t)inside.rip;
	registers[REG_RAX] = PORTCULLIS_FAILED;
	registers[REG_EFL] &= ~(greg_t)FLAG_DIRECTION;
}

/* Inside a library: the frame lies on a protected stack, where the kernel has put it with the library's
 * rights. */
static void from_library(int signal, struct monitor_copy *copy, struct monitor_thread *thread)
{
	greg_t *registers = copy->frame.registers;
	const siginfo_t *info = &copy->frame.info;
	uint64_t instruction = (uint64_t)registers[REG_RIP], fixup;

	if (!domain_holds(instruction) || !pku_possible(instruction))
		monitor_kill("portcullis: the rights of a library outside of it", instruction);
	if (signal == SIGSYS && info->si_code == SECCOMP_CODE) {
		serve(copy, thread, false);
	} else if ((SIGNALS_FAULTS & signal_bit(signal)) && info->si_code > 0) {
		fixup = domain_fixup(instruction, (uint64_t)info->si_addr);
		if (signal == SIGTRAP)
			registers[REG_EFL] &= ~(greg_t)FLAG_TRAP;
		else if (fixup)
			registers[REG_RIP] = (greg_t)fixup;
		else if (thread->stack)
			end_call(registers, thread);
		else
			fail_library(signal, registers);
	} else if (native_weakened(NATIVE_WEAKEN_DEFER)) {
		deliver(signal, copy);
	} else {
		hold(signal, copy, thread);
	}
}

/*
 * rt_sigreturn reads the signal stack's description when it has restored PKRU, and all else before. So the
 * frame lies across the start of the thread's memory: its head, which decides nothing, in a page that the
 * program may have.
 */
static _Noreturn void resume(const struct monitor_copy *copy, struct monitor_thread *thread)
{
	uint64_t page = MONITOR_STACKS + ((uint64_t)(thread - monitor_threads) << MONITOR_STACK_SHIFT);
	struct monitor_frame *frame = (struct monitor_frame *)(page + PORTCULLIS_PAGE_SIZE -
	                                                       offsetof(struct monitor_frame, registers));

	if (!thread->shares &&
	    native_call(SYS_pkey_mprotect, (long)page, PORTCULLIS_PAGE_SIZE, PROT_READ | PROT_WRITE, 0, 0, 0))
		monitor_kill("portcullis: no memory for a signal frame", 0);
	thread->shares = 1;
	*frame = copy->frame;
	monitor_return(frame);
}

_Noreturn void monitor_handle(int signal, uint64_t frame, struct monitor_thread *thread)
{
	struct monitor_copy copy;
	bool library = pku_on_stack(frame);

	monitor_sweep();
	if (read_frame(frame, &copy, !library))
		monitor_kill("portcullis: a signal frame that cannot be read", frame);
	if (library)
		from_library(signal, &copy, thread);
	else
		from_program(signal, &copy, thread);
	resume(&copy, thread);
}

void monitor_fault(int signal, struct monitor_frame *frame)
{
	uint64_t instruction = (uint64_t)frame->registers[REG_RIP], fixup = user_fixup(instruction);

	if (!fixup || (signal != SIGSEGV && signal != SIGBUS))
		monitor_kill("portcullis: a fault in the monitor", instruction);
	frame->registers[REG_RIP] = (greg_t)fixup;
}
