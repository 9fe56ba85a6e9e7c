#include "pku/step.h"

#include "channel.h"
#include "domain/domain.h"
#include "domain/switch.h"
#include "domain/upcall.h"
#include "mm/pagetable.h"
#include "mm/uaccess.h"
#include "pku/watch.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/cpu.h"
#include "x86/entry.h"

#define INSTRUCTION_MAX 15 /* bytes: SDM vol. 2A, 2.3.11 */
#define DR6_BS          (1UL << 14)

enum kind { KIND_OTHER, KIND_WRPKRU, KIND_MOV_SS, KIND_SYSCALL, KIND_PUSH_FLAGS, KIND_LOADS_FLAGS };

/* Of this CPU: the step that will be or is being made. */
static struct {
	const struct thread *wanted; /* thread that will make it; NULL: none */
	uint64_t rip;
	bool active;        /* from resume to the next trap */
	bool ended;         /* this trap is its end */
	bool program_traps; /* RFLAGS.TF of the program */
	enum kind kind;
	uint64_t opened[2]; /* pages; 0: none */
} step;

/* ---- decoding ---------------------------------------------------------------------------------------------
 */

/* The bytes at `address`, as far as there are pages. How many. */
static size_t read_code(const struct space *space, uint64_t address, uint8_t bytes[INSTRUCTION_MAX])
{
	size_t size = 0;

	while (size < INSTRUCTION_MAX) {
		const uint64_t *entry = pagetable_entry(space->pml4, address & PAGE_MASK);
		size_t part = MIN(INSTRUCTION_MAX - size, PAGE_SIZE - (address & ~PAGE_MASK));

		if (!entry || !*entry)
			break;
		memcpy(bytes + size, (char *)phys_to_virt(*entry & PTE_ADDRESS) + (address & ~PAGE_MASK),
		       part);
		size += part;
		address += part;
	}
	return size;
}

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3:
		return true;
	default:
		return byte >= 0x40 && byte <= 0x4f; /* REX */
	}
}

/* What the instruction does that concerns a step; *length is that of its prefixes and its opcode. */
static enum kind decode(const uint8_t *bytes, size_t size, size_t *length)
{
	size_t at = 0;

	while (at < size && is_prefix(bytes[at]))
		at++;
	*length = at + 2;
	if (at < size && bytes[at] == 0x9c)
		return KIND_PUSH_FLAGS;
	if (at < size && (bytes[at] == 0x9d || bytes[at] == 0xcf)) /* POPF, IRET */
		return KIND_LOADS_FLAGS;
	if (size - at < 2)
		return KIND_OTHER;
	if (bytes[at] == 0x8e && (bytes[at + 1] >> 3 & 7) == 2)
		return KIND_MOV_SS;
	if (bytes[at] == 0x0f && bytes[at + 1] == 0x05)
		return KIND_SYSCALL;
	if (size - at > 2 && bytes[at] == 0x0f && bytes[at + 1] == 0x01 && bytes[at + 2] == 0xef)
		return KIND_WRPKRU;
	return KIND_OTHER;
}

/* ---- rights -----------------------------------------------------------------------------------------------
 */

static _Noreturn void end_process(uint64_t address)
{
	struct process *process = current_process();

	run_fatal_fault(process, SIGKILL, address, address);
	process_start_exit(process, STATUS_KILLED(SIGKILL));
	if (upcall_is_active())
		upcall_abort();
	thread_exit(process->exit_status);
}

static _Noreturn void refuse(uint64_t address, uint32_t value)
{
	kprintf("stray WRPKRU at %lx in %s: raises rights to %x\n", address, current_process()->comm, value);
	end_process(address);
}

/* Rights that the application does not have. */
static bool gives_more(uint32_t pkru)
{
	return ~pkru & PKRU_APPLICATION;
}

static void check_rights(const struct regs *regs)
{
	uint32_t pkru = read_pkru();

	if (gives_more(pkru) && !(domain_at(current_process()->space, regs->rip) && domain_inside()))
		refuse(regs->rip - 3, pkru);
}

/* WRPKRU is about to be executed. With another ECX or EDX than 0 it raises #GP. */
static void check_wrpkru(const struct regs *regs)
{
	uint32_t value = (uint32_t)regs->rax;

	if (!(uint32_t)regs->rcx && !(uint32_t)regs->rdx && gives_more(value | ~read_pkru()))
		refuse(regs->rip, value);
}

/* ---- a step -----------------------------------------------------------------------------------------------
 */

void step_wanted(uint64_t rip)
{
	step.wanted = current_thread();
	step.rip = rip;
}

/* Lets the page be executed during the step. Its address, or 0: it needs no step. */
static uint64_t open(const struct space *space, uint64_t page)
{
	uint64_t *entry = pagetable_entry(space->pml4, page);

	if (!entry || (*entry & (PTE_P | PTE_NX | PTE_GUARDED)) != (PTE_P | PTE_NX | PTE_GUARDED))
		return 0;
	*entry &= ~PTE_NX;
	return page;
}

static void close(struct space *space, uint64_t page)
{
	if (!page)
		return;
	*pagetable_entry(space->pml4, page) |= PTE_NX;
	space_flush_page(space, page);
}

/* The call that the instruction would make, so that neither R11 nor the way back knows of the step. */
static void make_system_call(struct regs *regs, size_t length)
{
	regs->rip += length;
	regs->rcx = regs->rip;
	regs->r11 = regs->rflags;
	regs->error = regs->rax;
	regs->vector = VECTOR_SYSCALL;
	syscall_dispatch(regs);
}

void step_resume(struct regs *regs)
{
	struct space *space = current_process()->space;
	uint8_t bytes[INSTRUCTION_MAX];
	uint64_t first = regs->rip & PAGE_MASK, last = (regs->rip + INSTRUCTION_MAX - 1) & PAGE_MASK;
	size_t size, length;

	if (step.wanted != current_thread() || step.rip != regs->rip)
		return;
	step.wanted = NULL;
	size = read_code(space, regs->rip, bytes);
	step.kind = decode(bytes, size, &length);
	switch (step.kind) {
	case KIND_WRPKRU:
		check_wrpkru(regs);
		break;
	case KIND_MOV_SS:
		kprintf("MOV SS at %lx in %s: not supported in a page with stray WRPKRU\n", regs->rip,
		        current_process()->comm);
		end_process(regs->rip);
	case KIND_SYSCALL:
		make_system_call(regs, length);
		return;
	default:
		break;
	}
	step.opened[0] = open(space, first);
	step.opened[1] = last != first ? open(space, last) : 0;
	step.program_traps = regs->rflags & RFLAGS_TF;
	step.active = true;
	regs->rflags |= RFLAGS_TF;
}

/* PUSHF has pushed the kernel's TF. */
static void correct_pushed_flags(const struct regs *regs)
{
	uint64_t address = regs->rsp + 1;
	uint8_t byte;

	if (copy_from_user(&byte, address, 1))
		return;
	byte &= (uint8_t) ~(RFLAGS_TF >> 8);
	copy_to_user(address, &byte, 1);
}

static void end_step(struct regs *regs)
{
	struct space *space = current_process()->space;

	step.active = false;
	step.ended = regs->vector == VECTOR_DB && read_dr6() & DR6_BS;
	close(space, step.opened[0]);
	close(space, step.opened[1]);
	if (step.ended && step.kind == KIND_LOADS_FLAGS)
		return;
	if (step.program_traps)
		return;
	regs->rflags &= ~RFLAGS_TF;
	if (step.ended && step.kind == KIND_PUSH_FLAGS)
		correct_pushed_flags(regs);
}

void step_trapped(struct regs *regs)
{
	if (!current_process()->space->guard)
		return;
	step.wanted = NULL;
	step.ended = false;
	if (step.active)
		end_step(regs);
	check_rights(regs);
}

bool step_debug(struct regs *regs, uint64_t dr6)
{
	const struct space *space = current_process()->space;
	const uint64_t *entry = pagetable_entry(space->pml4, regs->rip & PAGE_MASK);
	bool hit = watch_is_hit(space, regs, dr6);

	if (hit)
		regs->rflags |= RFLAGS_RF;
	if (!step.ended)
		return hit;
	if (entry && *entry & PTE_GUARDED)
		step_wanted(regs->rip);
	return !step.program_traps;
}
