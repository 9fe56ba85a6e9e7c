#include "domain/unwind.h"

#include "image/unwind.h"
#include "mm/uaccess.h"
#include "proc/process.h"

bool domain_in_gate(const struct regs *regs)
{
	const struct attachment *attachment = domain_at(current_process()->space, regs->rip);

	if (regs->rip >= LOWER_HALF_END)
		return !(regs->cs & 3);
	return attachment && regs->rip - attachment->domain->base < PORTCULLIS_GATE_SIZE;
}

static bool read(void *to, uint64_t from, size_t size)
{
	return !copy_from_user(to, from, size);
}

bool domain_unwind(const struct domain *domain, struct regs *regs)
{
	const struct unwind_image image = {domain->unwind, domain->base + PORTCULLIS_IMAGE_OFFSET, domain->image_size,
	                                   read};
	struct unwind_registers inside = {regs->rbx, regs->rbp, regs->rsp, regs->r12,
	                                  regs->r13, regs->r14, regs->r15, regs->rip};

	if (!unwind_call(&image, &inside))
		return false;
	regs->rbx = inside.rbx;
	regs->rbp = inside.rbp;
	regs->rsp = inside.rsp;
	regs->r12 = inside.r12;
	regs->r13 = inside.r13;
	regs->r14 = inside.r14;
	regs->r15 = inside.r15;
	regs->rip = inside.rip;
	return domain_in_gate(regs);
}
