/*
 * Static ELF64 programs (ET_EXEC, or ET_DYN without an interpreter) in memory, and their first stack: from
 * the top, strings, AT_RANDOM bytes, auxiliary vector, envp, argv, argc (System V ABI, AMD64
 * supplement, 3.4.1).
 */
#include "proc/program.h"

#include "fs/file.h"
#include "lib/errno.h"
#include "mm/uaccess.h"
#include "proc/process.h"
#include "random.h"
#include "x86/cpu.h"

#define STACK_SIZE (8UL << 20) /* reserved; filled on demand */
#define PIE_BASE   0x10000000UL

#define AT_NULL   0
#define AT_PHDR   3
#define AT_PHENT  4
#define AT_PHNUM  5
#define AT_PAGESZ 6
#define AT_BASE   7
#define AT_FLAGS  8
#define AT_ENTRY  9
#define AT_UID    11
#define AT_EUID   12
#define AT_GID    13
#define AT_EGID   14
#define AT_HWCAP  16
#define AT_CLKTCK 17
#define AT_SECURE 23
#define AT_RANDOM 25
#define AT_EXECFN 31

/* ---- the ELF file -----------------------------------------------------------------------------------------
 */

static long check_segment(const struct program *program, const struct elf_program_header *segment)
{
	uint64_t start = segment->address + program->bias;

	if (segment->memory_size < segment->file_size || start < segment->address ||
	    start + segment->memory_size < start || start + segment->memory_size > APPLICATION_END ||
	    start < USER_BASE)
		return -ENOEXEC;
	if (segment->offset + segment->file_size < segment->offset ||
	    segment->offset + segment->file_size > program->inode->size)
		return -ENOEXEC;
	if ((segment->address ^ segment->offset) & ~PAGE_MASK)
		return -ENOEXEC;
	if (segment->flags & ELF_SEGMENT_WRITE && segment->flags & ELF_SEGMENT_EXECUTE)
		return -ENOEXEC;
	return 0;
}

long program_read(struct program *program)
{
	struct elf_header *header = &program->header;
	size_t size;
	bool loads = false;

	if (inode_read(program->inode, 0, header, sizeof(*header)) != sizeof(*header) ||
	    !elf_header_is_valid(header) ||
	    (header->type != ELF_TYPE_EXECUTABLE && header->type != ELF_TYPE_SHARED))
		return -ENOEXEC;
	if (!header->program_header_count || header->program_header_count > PROGRAM_HEADERS_MAX)
		return -ENOEXEC;
	size = header->program_header_count * sizeof(program->segments[0]);
	if (inode_read(program->inode, header->program_headers, program->segments, size) != size)
		return -ENOEXEC;
	program->bias = header->type == ELF_TYPE_SHARED ? PIE_BASE : 0;
	for (unsigned i = 0; i < header->program_header_count; i++) {
		const struct elf_program_header *segment = &program->segments[i];

		if (segment->type == ELF_SEGMENT_INTERPRETER)
			return -ENOENT;
		if (segment->type != ELF_SEGMENT_LOAD || !segment->memory_size)
			continue;
		loads = true;
		if (check_segment(program, segment))
			return -ENOEXEC;
		program->end = MAX(program->end, segment->address + program->bias + segment->memory_size);
		if (header->program_headers >= segment->offset &&
		    header->program_headers + size <= segment->offset + segment->file_size)
			program->headers =
			        header->program_headers - segment->offset + segment->address + program->bias;
	}
	return loads && header->entry + program->bias < APPLICATION_END ? 0 : -ENOEXEC;
}

static unsigned segment_prot(const struct elf_program_header *segment)
{
	return (segment->flags & ELF_SEGMENT_READ ? PROT_READ : 0) |
	       (segment->flags & ELF_SEGMENT_WRITE ? PROT_WRITE : 0) |
	       (segment->flags & ELF_SEGMENT_EXECUTE ? PROT_EXEC : 0);
}

static long map_segment(struct space *space, const struct program *program,
                        const struct elf_program_header *segment)
{
	uint64_t start = segment->address + program->bias, file_end = start + segment->file_size;
	uint64_t memory_end = ALIGN_UP(start + segment->memory_size, PAGE_SIZE);
	uint64_t file_pages_end = segment->file_size ? ALIGN_UP(file_end, PAGE_SIZE) : start & PAGE_MASK;
	unsigned prot = segment_prot(segment);
	long result = 0;

	if (segment->file_size)
		result = space_map(space, start & PAGE_MASK, file_pages_end - (start & PAGE_MASK), prot,
		                   MAP_PRIVATE | MAP_FIXED, program->inode->data, segment->offset & PAGE_MASK,
		                   program->inode);
	if (result >= 0 && memory_end > file_pages_end)
		result = space_map(space, file_pages_end, memory_end - file_pages_end, prot,
		                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
	if (result < 0)
		return result;
	if (prot & PROT_WRITE && segment->memory_size > segment->file_size && file_end < file_pages_end)
		return clear_user(file_end, MIN(file_pages_end, start + segment->memory_size) - file_end);
	return 0;
}

long program_map(const struct program *program, struct space *space)
{
	long error = 0;

	for (unsigned i = 0; i < program->header.program_header_count && !error; i++) {
		const struct elf_program_header *segment = &program->segments[i];

		if (segment->type == ELF_SEGMENT_LOAD && segment->memory_size)
			error = map_segment(space, program, segment);
	}
	if (error)
		return error;
	space->brk_start = space->brk = ALIGN_UP(program->end, PAGE_SIZE);
	error = space_map(space, USER_STACK_TOP - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0, NULL);
	return error < 0 ? error : 0;
}

/* ---- the stack --------------------------------------------------------------------------------------------
 */

static long push_bytes(uint64_t *sp, const void *bytes, size_t size)
{
	*sp -= size;
	return copy_to_user(*sp, bytes, size);
}

/* Writes the pointers of `count` strings that lie one after the other from *string, and a NULL. */
static long write_pointers(uint64_t *to, uint64_t *string, const char **text, unsigned count)
{
	for (unsigned i = 0; i < count; i++, *to += sizeof(uint64_t)) {
		size_t length = strlen(*text) + 1;

		if (put_user_u64(*to, *string))
			return -EFAULT;
		*string += length;
		*text += length;
	}
	*to += sizeof(uint64_t);
	return put_user_u64(*to - sizeof(uint64_t), 0);
}

long program_build_stack(const struct program *program, const struct exec_strings *strings, const char *path,
                         uint64_t *sp)
{
	const struct credentials *credentials = &current_process()->credentials;
	uint64_t string, random, name, at;
	uint8_t bytes[16];
	const char *text = strings->text;

	*sp = USER_STACK_TOP;
	random_bytes(bytes, sizeof(bytes));
	if (push_bytes(sp, path, strlen(path) + 1))
		return -EFAULT;
	name = *sp;
	if (push_bytes(sp, strings->text, strings->size))
		return -EFAULT;
	string = *sp;
	*sp = ALIGN_DOWN(*sp, 16);
	if (push_bytes(sp, bytes, sizeof(bytes)))
		return -EFAULT;
	random = *sp;

	const uint64_t auxiliary[][2] = {
	        {AT_PHDR, program->headers},
	        {AT_PHENT, sizeof(struct elf_program_header)},
	        {AT_PHNUM, program->header.program_header_count},
	        {AT_PAGESZ, PAGE_SIZE},
	        {AT_BASE, 0},
	        {AT_FLAGS, 0},
	        {AT_ENTRY, program->header.entry + program->bias},
	        {AT_UID, credentials->uid},
	        {AT_EUID, credentials->euid},
	        {AT_GID, credentials->gid},
	        {AT_EGID, credentials->egid},
	        {AT_HWCAP, cpuid(1, 0).edx},
	        {AT_CLKTCK, 100},
	        {AT_SECURE, 0},
	        {AT_RANDOM, random},
	        {AT_EXECFN, name},
	        {AT_NULL, 0},
	};
	size_t words = 1 + strings->argc + 1 + strings->envc + 1;

	*sp = ALIGN_DOWN(*sp - sizeof(auxiliary) - words * sizeof(uint64_t), 16);
	at = *sp;
	if (put_user_u64(at, strings->argc))
		return -EFAULT;
	at += sizeof(uint64_t);
	if (write_pointers(&at, &string, &text, strings->argc) ||
	    write_pointers(&at, &string, &text, strings->envc))
		return -EFAULT;
	return copy_to_user(at, auxiliary, sizeof(auxiliary));
}
