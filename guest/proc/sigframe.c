/*
 * The signal frame on the user's stack, laid out as Linux x86-64 programs expect it (Linux,
 * arch/x86/include/uapi/asm/ sigcontext.h, ucontext.h and asm-generic/siginfo.h):
 *
 *     high   XSAVE area, 64-byte aligned, FP_XSTATE_MAGIC2 behind it
 *            struct siginfo
 *            struct ucontext
 *     low    return address: the action's restorer; RSP at the handler's entry (RSP + 8 is 16-byte aligned)
 */
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "options.h"
#include "proc/process.h"
#include "proc/signal.h"
#include "x86/cpu.h"
#include "x86/features.h"
#include "x86/fpu.h"

#define UC_FP_XSTATE         1
#define UC_SIGCONTEXT_SS     2
#define UC_STRICT_RESTORE_SS 4

#define SS_ONSTACK  1
#define SS_DISABLE  2
#define MINSIGSTKSZ 2048

#define FP_XSTATE_MAGIC1 0x46505853U
#define FP_XSTATE_MAGIC2 0x46505845U
#define FP_SOFTWARE      464 /* offset in the legacy area of the bytes left to software */

#define RED_ZONE 128

struct fp_software {
	uint32_t magic1;
	uint32_t extended_size; /* with FP_XSTATE_MAGIC2 */
	uint64_t features;
	uint32_t xstate_size;
	uint32_t reserved[7];
};

struct user_stack {
	uint64_t base;
	uint32_t flags;
	uint32_t padding;
	uint64_t size;
};

struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t error, vector, old_mask, cr2, fpstate, reserved[8];
};

struct ucontext {
	uint64_t flags;
	uint64_t link;
	struct user_stack stack;
	struct sigcontext context;
	uint64_t mask;
};

struct signal_frame {
	uint64_t return_address;
	struct ucontext ucontext;
	uint8_t info[SIGINFO_SIZE];
};

void signal_info_to_user_layout(uint8_t layout[SIGINFO_SIZE], const struct signal_info *info)
{
	memset(layout, 0, SIGINFO_SIZE);
	memcpy(layout, &info->number, 4);
	memcpy(layout + 8, &info->code, 4);
	memcpy(layout + 16, info->word, sizeof(info->word));
}

static bool on_signal_stack(const struct thread *thread, uint64_t sp)
{
	return sp - thread->signal_stack.base - 1 < thread->signal_stack.size;
}

static struct user_stack describe_stack(const struct thread *thread, uint64_t sp)
{
	struct user_stack stack = {.base = thread->signal_stack.base, .size = thread->signal_stack.size};

	if (!stack.size)
		stack.flags = SS_DISABLE;
	else if (on_signal_stack(thread, sp))
		stack.flags = SS_ONSTACK;
	return stack;
}

/* Writes the floating-point state below `sp`; its address goes to *fpstate. 0 or -EFAULT. */
static long push_fpu(uint64_t sp, uint64_t *fpstate)
{
	void *area = current_thread()->xsave;
	uint32_t size = features.xsave_size;
	struct fp_software *software = (struct fp_software *)((char *)area + FP_SOFTWARE);
	long error;

	*fpstate = ALIGN_DOWN(sp - size - sizeof(uint32_t), 64);
	fpu_save(area);
	*software = (struct fp_software){
	        .magic1 = FP_XSTATE_MAGIC1,
	        .extended_size = size + sizeof(uint32_t),
	        .features = XCR0_X87 | XCR0_SSE | XCR0_AVX,
	        .xstate_size = size,
	};
	error = copy_to_user(*fpstate, area, size);
	if (!error)
		error = put_user_u32(*fpstate + size, FP_XSTATE_MAGIC2);
	return error;
}

long signal_frame_push(struct regs *regs, const struct signal_info *info, const struct signal_action *action,
                       uint64_t old_mask)
{
	struct thread *thread = current_thread();
	struct signal_frame frame = {
	        .return_address = action->restorer,
	        .ucontext = {.flags = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
	                     .stack = describe_stack(thread, regs->rsp),
	                     .mask = old_mask,
	                     .context =
	                             {
	                                     .r8 = regs->r8,
	                                     .r9 = regs->r9,
	                                     .r10 = regs->r10,
	                                     .r11 = regs->r11,
	                                     .r12 = regs->r12,
	                                     .r13 = regs->r13,
	                                     .r14 = regs->r14,
	                                     .r15 = regs->r15,
	                                     .rdi = regs->rdi,
	                                     .rsi = regs->rsi,
	                                     .rbp = regs->rbp,
	                                     .rbx = regs->rbx,
	                                     .rdx = regs->rdx,
	                                     .rax = regs->rax,
	                                     .rcx = regs->rcx,
	                                     .rsp = regs->rsp,
	                                     .rip = regs->rip,
	                                     .rflags = regs->rflags,
	                                     .cs = regs->cs,
	                                     .ss = regs->ss,
	                                     .old_mask = old_mask,
	                             }},
	};
	uint64_t sp = regs->rsp - RED_ZONE, address;

	if (action->flags & SA_ONSTACK && thread->signal_stack.size && !on_signal_stack(thread, regs->rsp))
		sp = thread->signal_stack.base + thread->signal_stack.size;
	if (!(action->flags & SA_RESTORER))
		return -EFAULT;
	if (thread->fault.number == info->number) {
		frame.ucontext.context.error = thread->fault.error;
		frame.ucontext.context.vector = thread->fault.vector;
		frame.ucontext.context.cr2 = thread->fault.address;
	}
	signal_info_to_user_layout(frame.info, info);
	if (push_fpu(sp, &frame.ucontext.context.fpstate))
		return -EFAULT;
	address = ALIGN_DOWN(frame.ucontext.context.fpstate - sizeof(frame), 16) - 8;
	if (copy_to_user(address, &frame, sizeof(frame)))
		return -EFAULT;
	fpu_reset(thread->xsave); /* handlers start with the default control words */
	fpu_load(thread->xsave);
	regs->rdi = info->number;
	regs->rsi = address + offsetof(struct signal_frame, info);
	regs->rdx = address + offsetof(struct signal_frame, ucontext);
	regs->rax = 0;
	regs->rsp = address;
	regs->rip = action->handler;
	regs->rflags &= ~(RFLAGS_DF | RFLAGS_RF | RFLAGS_TF);
	regs->vector = 0; /* leave by IRETQ: all registers count */
	return 0;
}

static long pop_fpu(uint64_t fpstate)
{
	void *area = current_thread()->xsave;
	const struct fp_software *software = (struct fp_software *)((char *)area + FP_SOFTWARE);

	fpu_reset(area);
	if (!fpstate) {
		fpu_load(area);
		return 0;
	}
	if (copy_from_user(area, fpstate, XSAVE_LEGACY_SIZE))
		return -EFAULT;
	if (software->magic1 == FP_XSTATE_MAGIC1 && software->xstate_size == features.xsave_size) {
		if (copy_from_user(area, fpstate, features.xsave_size))
			return -EFAULT;
	} else {
		*(uint64_t *)((char *)area + XSAVE_BV) = XCR0_X87 | XCR0_SSE;
	}
	fpu_sanitise(area);
	fpu_load(area);
	return 0;
}

/* The selectors of user mode, whatever their privilege bits: those are set at the return. */
static bool selectors_are_valid(const struct sigcontext *context)
{
	return (context->cs | 3) == SELECTOR_USER_CODE && (context->ss | 3) == SELECTOR_USER_DATA;
}

/*
 * Never changes PKRU, the view, a segment base or a system flag. A frame that cannot be read kills the process. RIP may lie in a
 * gate: that is where an event finds a thread that has just left a library, and every program may jump there.
 */
long sys_rt_sigreturn(void)
{
	struct thread *thread = current_thread();
	struct regs *regs = thread->regs;
	struct ucontext ucontext;
	const struct sigcontext *context = &ucontext.context;

	if (copy_from_user(&ucontext, regs->rsp, sizeof(ucontext)) || context->rip >= LOWER_HALF_END ||
	    !selectors_are_valid(context) || pop_fpu(context->fpstate)) {
		signal_fault(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	if (option_holds("weaken", "sigreturn"))
		domain_set_rights((uint32_t)context->reserved[0]); /* as if frames held PKRU */
	signal_set_mask(ucontext.mask);
	*regs = (struct regs){
	        .r8 = context->r8,
	        .r9 = context->r9,
	        .r10 = context->r10,
	        .r11 = context->r11,
	        .r12 = context->r12,
	        .r13 = context->r13,
	        .r14 = context->r14,
	        .r15 = context->r15,
	        .rdi = context->rdi,
	        .rsi = context->rsi,
	        .rbp = context->rbp,
	        .rbx = context->rbx,
	        .rdx = context->rdx,
	        .rax = context->rax,
	        .rcx = context->rcx,
	        .rsp = context->rsp,
	        .rip = context->rip,
	        .rflags = (context->rflags & RFLAGS_USER) | RFLAGS_MBS1 | RFLAGS_IF,
	        .cs = SELECTOR_USER_CODE,
	        .ss = SELECTOR_USER_DATA,
	};
	return (long)regs->rax;
}

long sys_sigaltstack(uint64_t new_address, uint64_t old_address)
{
	struct thread *thread = current_thread();
	struct user_stack old = describe_stack(thread, thread->regs->rsp), new;

	if (new_address) {
		if (copy_from_user(&new, new_address, sizeof(new)))
			return -EFAULT;
		if (old.flags & SS_ONSTACK)
			return -EPERM;
		if (new.flags & ~(SS_DISABLE | SS_ONSTACK))
			return -EINVAL;
		if (new.flags & SS_DISABLE)
			thread->signal_stack = (struct signal_stack){0};
		else if (new.size < MINSIGSTKSZ)
			return -ENOMEM;
		else if (new.base + new.size < new.base || new.base + new.size > thread->user_limit)
			return -EFAULT;
		else
			thread->signal_stack = (struct signal_stack){new.base, new.size};
	}
	if (old_address)
		return copy_to_user(old_address, &old, sizeof(old));
	return 0;
}
