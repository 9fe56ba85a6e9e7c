#include "native/text.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>

#include "native/monitor.h"
#include "native/pku.h"
#include "native/watch.h"

#define PAGE       PORTCULLIS_PAGE_SIZE
#define RANGES_MAX 256

#define STAGE_SIZE 0x1000000000

/* All that is or was executable, of the program and its libraries. */
static struct {
	uint64_t start, end;
} ranges[RANGES_MAX];
static unsigned range_count;

static bool is_executable(uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < range_count; i++)
		if (ranges[i].start < end && ranges[i].end > start)
			return true;
	return false;
}

static long remember(uint64_t start, uint64_t end)
{
	for (unsigned i = 0; i < range_count; i++)
		if (ranges[i].start <= start && ranges[i].end >= end)
			return 0;
	if (range_count == RANGES_MAX)
		return -ENOMEM;
	ranges[range_count].start = start;
	ranges[range_count++].end = end;
	return 0;
}

/* ---- what is guarded ---- */

/* Bytes of XRSTOR behind its opcode: ModRM, SIB, displacement (SDM vol. 2A, 2.1.5). */
static unsigned operand_size(uint8_t modrm, uint8_t sib)
{
	unsigned mode = modrm >> 6, rm = modrm & 7, size = 1;

	if (rm == 4)
		size++;
	if (mode == 1)
		size += 1;
	else if (mode == 2 || (mode == 0 && (rm == 5 || (rm == 4 && (sib & 7) == 5))))
		size += 4;
	return size;
}

/* A byte of the text or of what follows it. */
static uint8_t byte_at(const struct stray_text *text, size_t position)
{
	if (position < text->size)
		return text->bytes[position];
	position -= text->size;
	return position < text->after_size ? text->after[position] : 0;
}

/* `address`: of the text's first byte. */
static long guard(const struct stray *stray, const struct stray_text *text, uint64_t address)
{
	uint64_t opcode = address + stray->last, behind = opcode + STRAY_OPCODE_SIZE;
	size_t operand = stray->last + 2;
	long error;

	if (stray->kind == STRAY_XRSTORS || native_weakened(NATIVE_WEAKEN_WATCH))
		return 0; /* it is privileged */
	if (stray->kind == STRAY_XRSTOR)
		behind = address + operand + operand_size(byte_at(text, operand), byte_at(text, operand + 1));
	error = watch_add(stray->kind, address + stray->first, behind);
	if (error == -ENOSPC)
		monitor_say(
		        "portcullis: more stray WRPKRU and XRSTOR than there are watchpoints, the next one",
		        opcode);
	else if (error == -EBUSY)
		monitor_say("portcullis: a stray WRPKRU or XRSTOR in code that a process with several "
		            "threads adds",
		            opcode);
	else if (error == -EACCES || error == -EPERM)
		monitor_say(
		        "portcullis: perf_event_paranoid allows no watchpoint for the stray WRPKRU or XRSTOR",
		        opcode);
	else if (error)
		monitor_say("portcullis: this kernel gives no watchpoint (perf_event_open with sigtrap) for "
		            "the stray "
		            "WRPKRU or XRSTOR",
		            opcode);
	return error ? -EACCES : 0;
}

/* Guards what `text` holds, which lies, or will lie, at `address`. *found: it holds something. */
static long guard_all(const struct stray_text *text, uint64_t address, bool *found)
{
	struct stray stray;
	size_t cursor = 0;
	long error = 0;

	while (!error && stray_next(text, &cursor, &stray)) {
		error = guard(&stray, text, address);
		*found = true;
	}
	return error;
}

/*
 * Looks at `size` bytes at `bytes` that are to be executed at `start`. What starts in executable memory
 * before it may end in it, and what starts in it may end in executable memory behind.
 */
static long look(const uint8_t *bytes, uint64_t start, uint64_t size, bool *found)
{
	uint8_t before[STRAY_AFTER_SIZE], after[STRAY_AFTER_SIZE];
	struct stray_text text = {bytes, size, after, 0};
	struct stray_text border = {before, sizeof(before), bytes, STRAY_AFTER_SIZE};
	long error = 0;

	*found = false;
	if (is_executable(start + size, start + size + 1) &&
	    !user_read(after, (const void *)(start + size), sizeof(after)))
		text.after_size = sizeof(after);
	if (is_executable(start - 1, start) &&
	    !user_read(before, (const void *)(start - sizeof(before)), sizeof(before)))
		error = guard_all(&border, start - sizeof(before), found);
	return error ? error : guard_all(&text, start, found);
}

long text_add(uint64_t start, uint64_t size)
{
	bool found;
	long error = remember(start, start + size);

	return error ? error : look((const uint8_t *)start, start, size, &found);
}

static const char *add_image(uint64_t headers, unsigned count, uint64_t base)
{
	for (unsigned i = 0; i < count; i++) {
		const Elf64_Phdr *segment = (const Elf64_Phdr *)headers + i;
		uint64_t start = (base + segment->p_vaddr) & ~(uint64_t)(PAGE - 1);

		if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) &&
		    text_add(start, (base + segment->p_vaddr + segment->p_memsz + PAGE - 1 - start) &
		                            -(uint64_t)PAGE))
			return "its text holds instructions that write PKRU and cannot be guarded";
	}
	return NULL;
}

const char *text_start(const struct program *program)
{
	long persona = native_call(SYS_personality, 0xffffffff, 0, 0, 0, 0, 0);
	const Elf64_Ehdr *kernel = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const char *error;

	if (persona < 0 || (persona & READ_IMPLIES_EXEC))
		return "its personality makes all memory executable (READ_IMPLIES_EXEC)";
	error = add_image(program->phdr, (unsigned)program->phnum, program->base);

	if (!error && kernel)
		error = add_image((uint64_t)kernel + kernel->e_phoff, kernel->e_phnum, (uint64_t)kernel);
	return error;
}

/* ---- system calls ---- */

static void unmap(uint64_t start, uint64_t size)
{
	native_call(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

/*
 * Executable memory is made where no memory call of the program reaches, and moved to its place by one system
 * call: else another thread could put something else there between the look at it and its becoming
 * executable. Where it holds what has to be guarded it becomes executable in its place alone; then there is
 * no other thread (watch_add()).
 */
static volatile int taken; /* one thread at a time */

static void take(void)
{
	while (__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE))
		native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

static void give(void)
{
	__atomic_store_n(&taken, 0, __ATOMIC_RELEASE);
}

/* Memory of the runtime's own. 0 or -errno. */
static long stage(uint64_t size)
{
	long at, error;

	if (size > STAGE_SIZE)
		return -ENOMEM;
	at = native_call(SYS_mmap, NATIVE_STAGE, (long)size, PROT_NONE,
	                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (at != NATIVE_STAGE)
		return at < 0 ? at : -ENOMEM;
	error = pku_own(NATIVE_STAGE, size);
	if (error)
		unmap(NATIVE_STAGE, size);
	return error;
}

static long fill(uint64_t at, uint64_t size, int file, uint64_t offset)
{
	while (size) {
		long done = native_call(SYS_pread64, file, (long)at, (long)size, (long)offset, 0, 0);

		if (done <= 0)
			return done;
		at += (uint64_t)done;
		offset += (uint64_t)done;
		size -= (uint64_t)done;
	}
	return 0;
}

static long set(uint64_t start, uint64_t size, int rights)
{
	return native_call(SYS_pkey_mprotect, (long)start, (long)size, rights | PROT_READ, 0, 0, 0);
}

static long move_to(uint64_t address, uint64_t size)
{
	long at = native_call(SYS_mremap, NATIVE_STAGE, (long)size, (long)size, MREMAP_MAYMOVE | MREMAP_FIXED,
	                      (long)address, 0);

	return at < 0 ? at : 0;
}

/* What is staged is looked at, goes to `address`, and is the program's then. 0 or -errno; nothing is left
 * staged. */
static long release(uint64_t address, uint64_t size, int rights)
{
	bool found = false;
	long error = remember(address, address + size);

	if (!error)
		error = look((const uint8_t *)NATIVE_STAGE, address, size, &found);
	if (!error && !found)
		error = set(NATIVE_STAGE, size, rights);
	if (!error)
		error = move_to(address, size);
	if (error) {
		unmap(NATIVE_STAGE, size);
		return error;
	}
	return found ? set(address, size, rights) : 0;
}

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/* Where the program's new memory will lie. Its address or -errno. */
static long reserve(uint64_t address, uint64_t size, int flags)
{
	if (flags & MAP_FIXED)
		return (long)address;
	return native_call(SYS_mmap, (long)address, (long)size, PROT_NONE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | (flags & (MAP_FIXED_NOREPLACE | MAP_32BIT)), -1, 0);
}

static long map(uint64_t address, uint64_t size, int rights, int flags, int file, uint64_t offset)
{
	long error = stage(size), at;

	if (error)
		return error;
	error = flags & MAP_ANONYMOUS ? 0 : fill(NATIVE_STAGE, size, file, offset);
	at = error ? error : reserve(address, size, flags);
	if (at < 0) {
		unmap(NATIVE_STAGE, size);
		return at;
	}
	error = release((uint64_t)at, size, rights);
	return error ? error : at;
}

long text_map(uint64_t address, uint64_t size, int rights, int flags, int file, uint64_t offset)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	long result;

	size = whole_pages(size);
	if (rights & PROT_WRITE)
		return -EPERM;
	if (!size || (fixed && (address & (PAGE - 1))))
		return -EINVAL;
	if (fixed && !user_range(address, size))
		return -EPERM;
	take();
	result = map(fixed ? address : 0, size, rights, flags, file, offset);
	give();
	return result;
}

static long protect(uint64_t address, uint64_t size, int rights)
{
	long error = stage(size);

	if (error)
		return error;
	if (user_read((void *)NATIVE_STAGE, (const void *)address, size)) {
		unmap(NATIVE_STAGE, size);
		return -ENOMEM;
	}
	return release(address, size, rights);
}

long text_protect(uint64_t address, uint64_t size, int rights)
{
	long error;

	size = whole_pages(size);
	if (rights & PROT_WRITE)
		return -EPERM;
	if (!size || (address & (PAGE - 1)))
		return size ? -EINVAL : 0;
	if (!user_range(address, size))
		return -EPERM;
	take();
	error = protect(address, size, rights);
	give();
	return error;
}

/* What is executable stays where it was looked at. */
long text_move(uint64_t address, uint64_t old_size, uint64_t size, int flags, uint64_t target)
{
	long result = -EPERM;

	if (!user_range(address, whole_pages(old_size)) || old_size > PORTCULLIS_DOMAIN_SIZE ||
	    size > PORTCULLIS_DOMAIN_SIZE || ((flags & MREMAP_FIXED) && !user_range(target, size)))
		return -EPERM;
	take();
	if (!is_executable(address, address + whole_pages(old_size)))
		result = native_call(SYS_mremap, (long)address, (long)old_size, (long)size, flags,
		                     (long)target, 0);
	give();
	return result;
}
