#include "native/text.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "native/monitor.h"
#include "native/pku.h"
#include "native/watch.h"

#define PAGE       PORTCULLIS_PAGE_SIZE
#define RANGES_MAX 256

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
static unsigned operand_size(const uint8_t *bytes)
{
	unsigned mode = bytes[0] >> 6, rm = bytes[0] & 7, size = 1;

	if (rm == 4)
		size++;
	if (mode == 1)
		size += 1;
	else if (mode == 2 || (mode == 0 && (rm == 5 || (rm == 4 && (bytes[1] & 7) == 5))))
		size += 4;
	return size;
}

static long guard(const struct stray *stray, uint64_t text)
{
	uint64_t opcode = text + stray->last;
	long error;

	if (stray->kind == STRAY_XRSTORS || native_weakened(NATIVE_WEAKEN_WATCH))
		return 0; /* it is privileged */
	error = watch_add(stray->kind, text + stray->first,
	                  stray->kind == STRAY_WRPKRU
	                          ? opcode + STRAY_OPCODE_SIZE
	                          : opcode + 2 + operand_size((const uint8_t *)opcode + 2));
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

long text_add(uint64_t start, uint64_t size)
{
	struct stray_text text;
	uint8_t after[STRAY_AFTER_SIZE];
	struct stray stray;
	size_t cursor = 0;
	long error;

	/* What starts in executable memory before it may end here. */
	if (is_executable(start - 1, start)) {
		start -= STRAY_AFTER_SIZE;
		size += STRAY_AFTER_SIZE;
	}
	text = (struct stray_text){(const uint8_t *)start, size, after, 0};
	if (is_executable(start + size, start + size + 1) &&
	    !user_read(after, (const void *)(start + size), sizeof(after)))
		text.after_size = sizeof(after);
	error = remember(start, start + size);
	while (!error && stray_next(&text, &cursor, &stray))
		error = guard(&stray, start);
	return error;
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
	const Elf64_Ehdr *kernel = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const char *error = add_image(program->phdr, (unsigned)program->phnum, program->base);

	if (!error && kernel)
		error = add_image((uint64_t)kernel + kernel->e_phoff, kernel->e_phnum, (uint64_t)kernel);
	return error;
}

/* ---- system calls ---- */

static void unmap(uint64_t start, uint64_t size)
{
	native_call(SYS_munmap, (long)start, (long)size, 0, 0, 0, 0);
}

/* Memory of the runtime's own, anywhere that `flags` allow. Its address or -errno. */
static long stage(uint64_t size, int flags)
{
	long at = native_call(SYS_mmap, 0, (long)size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	long error = at < 0 ? at : pku_own((uint64_t)at, size);

	if (error && at >= 0)
		unmap((uint64_t)at, size);
	return error ? error : at;
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

/* Filled memory goes to `address`, is looked at, and becomes the program's. */
static long release(uint64_t from, uint64_t address, uint64_t size, int rights)
{
	long error = 0;

	if (from != address)
		error = native_call(SYS_mremap, (long)from, (long)size, (long)size,
		                    MREMAP_MAYMOVE | MREMAP_FIXED, (long)address, 0);
	if (error < 0) {
		unmap(from, size);
		return error;
	}
	error = text_add(address, size);
	if (!error)
		error = native_call(SYS_pkey_mprotect, (long)address, (long)size, rights | PROT_READ, 0, 0,
		                    0);
	if (error)
		unmap(address, size);
	return error;
}

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

long text_map(uint64_t address, uint64_t size, int rights, int flags, int file, uint64_t offset)
{
	bool fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
	long at, error;

	size = whole_pages(size);
	if (rights & PROT_WRITE)
		return -EPERM;
	if (!size || (fixed && (address & (PAGE - 1))))
		return -EINVAL;
	if (fixed && !user_range(address, size))
		return -EPERM;
	if (flags & MAP_FIXED_NOREPLACE) {
		at = native_call(SYS_mmap, (long)address, (long)size, PROT_NONE,
		                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
		if (at < 0)
			return at;
	}
	at = stage(size, flags & MAP_32BIT);
	if (at < 0)
		return at;
	error = flags & MAP_ANONYMOUS ? 0 : fill((uint64_t)at, size, file, offset);
	if (error) {
		unmap((uint64_t)at, size);
		return error;
	}
	address = fixed ? address : (uint64_t)at;
	error = release((uint64_t)at, address, size, rights);
	return error ? error : (long)address;
}

long text_protect(uint64_t address, uint64_t size, int rights)
{
	long at;

	size = whole_pages(size);
	if (rights & PROT_WRITE)
		return -EPERM;
	if (!size || (address & (PAGE - 1)))
		return size ? -EINVAL : 0;
	if (!user_range(address, size))
		return -EPERM;
	at = stage(size, 0);
	if (at < 0)
		return at;
	if (user_read((void *)at, (const void *)address, size)) {
		unmap((uint64_t)at, size);
		return -ENOMEM;
	}
	return release((uint64_t)at, address, size, rights);
}

/* What is executable stays where it was looked at. */
long text_move(uint64_t address, uint64_t old_size, uint64_t size, int flags, uint64_t target)
{
	if (!user_range(address, whole_pages(old_size)) || old_size > PORTCULLIS_DOMAIN_SIZE ||
	    size > PORTCULLIS_DOMAIN_SIZE || is_executable(address, address + whole_pages(old_size)) ||
	    ((flags & MREMAP_FIXED) && !user_range(target, size)))
		return -EPERM;
	return native_call(SYS_mremap, (long)address, (long)old_size, (long)size, flags, (long)target, 0);
}
