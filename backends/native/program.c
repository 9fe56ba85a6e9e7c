/* Maps a static program beside the runtime and jumps to it: what execve() does, in user mode. */
#include "native/broker.h"
#include "native/domain.h"
#include "native/monitor.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "portcullis/layout.h"

#define PAGE           PORTCULLIS_PAGE_SIZE
#define PIE_BASE       0x100000000 /* of position-independent programs, which could lie anywhere */
#define PROGRAM_LOWEST 0x10000     /* nothing is mapped below, as in the guest */
#define SEGMENTS_MAX   64

static uint64_t page_down(uint64_t address)
{
	return address & ~(uint64_t)(PAGE - 1);
}

static uint64_t page_up(uint64_t address)
{
	return page_down(address + PAGE - 1);
}

static int protection(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
	       (flags & PF_X ? PROT_EXEC : 0);
}

static bool read_all(int file, char *to, uint64_t size, off_t offset)
{
	while (size) {
		ssize_t done = pread(file, to, size, offset);

		if (done <= 0)
			return false;
		to += done;
		offset += done;
		size -= (uint64_t)done;
	}
	return true;
}

/* One LOAD segment: its bytes from the file, zeroes behind them. */
static const char *map_segment(int file, const Elf64_Phdr *segment, uint64_t base)
{
	uint64_t start = base + segment->p_vaddr, end = start + segment->p_memsz,
	         in_file = start + segment->p_filesz;
	int rights = protection(segment->p_flags);

	if (segment->p_filesz > segment->p_memsz || end < start || start < PROGRAM_LOWEST ||
	    page_up(end) >= PORTCULLIS_APPLICATION_END)
		return "a segment lies outside of the application's memory";
	if ((rights & PROT_WRITE) && (rights & PROT_EXEC))
		return "a segment is writable and executable";
	if ((segment->p_offset ^ start) & (PAGE - 1))
		return "a segment is not aligned in the file";
	if (mmap((void *)page_down(start), page_up(end) - page_down(start), PROT_READ | PROT_WRITE,
	         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)page_down(start))
		return "a segment cannot be mapped: its place is taken";
	/* Code is a copy: what is written to the file later is not executed. */
	if (rights & PROT_EXEC) {
		if (!read_all(file, (char *)start, segment->p_filesz, (off_t)segment->p_offset))
			return "it is cut off";
	} else if (segment->p_filesz &&
	           mmap((void *)page_down(start), page_up(in_file) - page_down(start), PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_FIXED, file, (off_t)page_down(segment->p_offset)) == MAP_FAILED) {
		return "a segment cannot be mapped";
	}
	if (rights & PROT_WRITE)
		memset((void *)in_file, 0, page_up(in_file) - in_file);
	if (native_call(SYS_mprotect, (long)page_down(start), (long)(page_up(end) - page_down(start)), rights,
	                0, 0, 0))
		return "a segment cannot be protected";
	return NULL;
}

static const char *check_header(const Elf64_Ehdr *header)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_machine != EM_X86_64)
		return "it is no ELF program for x86-64";
	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return "it is no ELF program";
	if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > SEGMENTS_MAX)
		return "its program headers are none";
	return NULL;
}

static const char *map_segments(int file, const Elf64_Ehdr *header, struct program *program)
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	ssize_t size = (ssize_t)(header->e_phnum * sizeof(segments[0]));
	uint64_t base = header->e_type == ET_DYN ? PIE_BASE : 0;
	const char *error = NULL;

	if (pread(file, segments, (size_t)size, (off_t)header->e_phoff) != size)
		return "it is cut off";
	*program = (struct program){.base = base, .entry = base + header->e_entry, .phnum = header->e_phnum};
	for (unsigned i = 0; i < header->e_phnum && !error; i++) {
		const Elf64_Phdr *segment = &segments[i];

		if (segment->p_type == PT_INTERP)
			return "it needs a dynamic linker; programs have to be static";
		if (segment->p_type != PT_LOAD)
			continue;
		error = map_segment(file, segment, base);
		if (header->e_phoff >= segment->p_offset &&
		    header->e_phoff < segment->p_offset + segment->p_filesz)
			program->phdr = base + segment->p_vaddr + header->e_phoff - segment->p_offset;
		if (page_up(base + segment->p_vaddr + segment->p_memsz) > program->end)
			program->end = page_up(base + segment->p_vaddr + segment->p_memsz);
	}
	return error;
}

long program_check(const char *path)
{
	char start[SELFMAG] = "";
	long error = native_call(SYS_access, (long)path, X_OK, 0, 0, 0, 0), file;

	if (error)
		return error;
	file = native_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (file < 0)
		return file;
	native_call(SYS_read, file, (long)start, sizeof(start), 0, 0, 0);
	native_call(SYS_close, file, 0, 0, 0, 0, 0);
	return memcmp(start, ELFMAG, SELFMAG) ? -ENOEXEC : 0;
}

const char *program_map(const char *path, struct program *program)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header;
	const char *error;

	if (file < 0)
		return strerror(errno);
	if (pread(file, &header, sizeof(header), 0) != sizeof(header))
		error = "it is no ELF program";
	else
		error = check_header(&header);
	if (!error)
		error = map_segments(file, &header, program);
	close(file);
	return error;
}

/* The auxiliary vector describes the runtime: from here on the program. */
static void correct_auxiliary(char **argv, const struct program *program)
{
	Elf64_auxv_t *entry;
	char **at = argv;

	while (*at++)
		;
	while (*at++)
		;
	for (entry = (Elf64_auxv_t *)at; entry->a_type != AT_NULL; entry++) {
		if (entry->a_type == AT_PHDR)
			entry->a_un.a_val = program->phdr;
		if (entry->a_type == AT_PHNUM)
			entry->a_un.a_val = program->phnum;
		if (entry->a_type == AT_ENTRY)
			entry->a_un.a_val = program->entry;
		if (entry->a_type == AT_BASE)
			entry->a_un.a_val = 0;
		if (entry->a_type == AT_EXECFN)
			entry->a_un.a_val = (uint64_t)argv[WORD_PATH];
	}
}

/*
 * Registers at a program's start (System V ABI, AMD64, 3.4.1): RSP at argc, RDX 0. With `rights`, PKRU
 * becomes what an application has; behind that no memory of the runtime can be reached.
 */
static _Noreturn void jump(uint64_t entry, void *stack, bool rights)
{
	__asm__ volatile("mov %1, %%rsp\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "test %3, %3\n\t"
	                 "jz 1f\n\t"
	                 "xor %%ecx, %%ecx\n\t"
	                 "xor %%edx, %%edx\n\t"
	                 "mov %2, %%eax\n\t"
	                 "wrpkru\n\t"
	                 "cmp %2, %%eax\n\t"
	                 "je 1f\n\t"
	                 "ud2\n"
	                 "1:\txor %%edx, %%edx\n\t"
	                 "jmp *%0"
	                 :
	                 : "S"(entry), "D"(stack), "i"(NATIVE_PKRU), "b"((int)rights)
	                 : "memory");
	__builtin_unreachable();
}

/* What the runner or the program before has told, which the program must not find. */
static const char *read_words(char **argv)
{
	const char *error = options_read(argv[WORD_OPTIONS]);

	memset(argv[WORD_OPTIONS], 0, strlen(argv[WORD_OPTIONS]));
	broker_know(argv[WORD_BROKER], argv[WORD_SECRET]);
	native_backend = native_backend_find(argv[WORD_BACKEND]);
	if (!error && !native_backend)
		error = "there is no such backend on Linux";
	return error;
}

/* All that has to be there before the program's first instruction. */
static const char *start(const struct program *program)
{
	struct broker_request started = {.kind = BROKER_START};
	struct broker_answer answer;
	const char *error;

	broker_ask(&started, NULL, NULL, &answer);
	call_start(program->end);
	if (domain_thread_page())
		return "this kernel sets no GS base";
	error = native_backend->start ? native_backend->start() : NULL;
	if (!error)
		error = native_backend->guarded ? monitor_start(program) : trap_start();
	if (!error && filter_install())
		error = "this kernel takes no seccomp filter, so that its system calls cannot be served";
	return error;
}

int program_main(char **argv)
{
	long *stack = (long *)(argv + WORDS_BEFORE - 1);
	struct program program;
	const char *error = read_words(argv);
	long count = 0;

	while (argv[WORDS_BEFORE + count])
		count++;
	if (!error)
		error = program_map(argv[WORD_PATH], &program);
	if (!error)
		error = start(&program);
	if (error) {
		fprintf(stderr, "%s: cannot be started: %s\n", argv[WORD_PATH], error);
		return 127;
	}
	correct_auxiliary(argv, &program);
	*stack = count;
	jump(program.entry, stack, native_backend->guarded);
}
