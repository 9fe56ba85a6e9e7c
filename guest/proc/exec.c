/*
 * execve: static ELF64 programs (ET_EXEC, or ET_DYN without an interpreter) and "#!" scripts.
 *
 * The new stack, from the top: strings, AT_RANDOM bytes, auxiliary vector, envp, argv, argc (System V ABI,
 * AMD64 supplement, 3.4.1).
 */
#include "domain/domain.h"
#include "domain/switch.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "plan/run.h"
#include "proc/elf.h"
#include "proc/lifecycle.h"
#include "proc/rlimit.h"
#include "proc/process.h"
#include "proc/rlimit.h"
#include "proc/sched.h"
#include "random.h"
#include "x86/cpu.h"
#include "x86/fpu.h"

#define STACK_SIZE          (8UL << 20) /* reserved; filled on demand */
#define PIE_BASE            0x10000000UL
#define SCRIPT_DEPTH        4
#define SCRIPT_LINE         256
#define PROGRAM_HEADERS_MAX 64

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

struct program {
	struct inode *inode;
	struct elf_header header;
	struct elf_program_header segments[PROGRAM_HEADERS_MAX];
	uint64_t bias;    /* added to the file's addresses */
	uint64_t headers; /* user address of the program headers, 0 if not mapped */
	uint64_t end;     /* of the highest segment */
};

/* ---- strings ----------------------------------------------------------------------------------------------
 */

long exec_strings_add(struct exec_strings *strings, const char *text)
{
	size_t length = strlen(text) + 1;

	if (length > EXEC_STRINGS_MAX - strings->size)
		return -E2BIG;
	memcpy(strings->text + strings->size, text, length);
	strings->size += length;
	return 0;
}

/* Reads one NULL-terminated array of user strings. */
static long read_strings(struct exec_strings *strings, uint64_t array, unsigned *count)
{
	for (; array; array += sizeof(uint64_t), ++*count) {
		uint64_t address;
		long length;

		if (get_user_u64(&address, array))
			return -EFAULT;
		if (!address)
			break;
		length = copy_string_from_user(strings->text + strings->size, address,
		                               EXEC_STRINGS_MAX - strings->size);
		if (length < 0)
			return length == -ENAMETOOLONG ? -E2BIG : length;
		strings->size += (size_t)length + 1;
		if (strings->size >= EXEC_STRINGS_MAX)
			return -E2BIG;
	}
	return 0;
}

/* Puts `count` strings, given one after the other, in the place of the first argument. */
static long replace_first(struct exec_strings *strings, const char *const *words, unsigned count)
{
	size_t old = strings->argc ? strlen(strings->text) + 1 : 0, size = 0;

	for (unsigned i = 0; i < count; i++)
		size += strlen(words[i]) + 1;
	if (strings->size - old + size > EXEC_STRINGS_MAX)
		return -E2BIG;
	memmove(strings->text + size, strings->text + old, strings->size - old);
	strings->size += size - old;
	strings->argc += count - (strings->argc ? 1 : 0);
	for (size = 0; count; count--, words++) {
		memcpy(strings->text + size, *words, strlen(*words) + 1);
		size += strlen(*words) + 1;
	}
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------
 */

static long open_executable(const char *path, struct inode **inode)
{
	long error = path_lookup(path, inode);

	if (error)
		return error;
	if ((*inode)->kind != INODE_FILE || !((*inode)->mode & 0111) || inode_permission(*inode, MAY_EXEC))
		error = -EACCES;
	else if ((*inode)->writers)
		error = -ETXTBSY;
	if (error)
		inode_put(*inode);
	return error;
}

/* "#! interpreter [argument]": the words, cut out of `line`, which ends with a newline or the file. 0 or -ENOEXEC. */
static long parse_script_line(char *line, char **interpreter, char **argument)
{
	char *word = line + 2, *end = strchr(line, '\n');

	if (!end) {
		end = line + strlen(line);
		if (end == line + SCRIPT_LINE - 1)
			return -ENOEXEC;
	}
	while (end > line + 2 && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	while (*word == ' ' || *word == '\t')
		word++;
	if (!*word)
		return -ENOEXEC;
	*interpreter = word;
	while (*word && *word != ' ' && *word != '\t')
		word++;
	if (*word)
		*word++ = '\0';
	while (*word == ' ' || *word == '\t')
		word++;
	*argument = *word ? word : NULL;
	return 0;
}

/* Follows scripts until a binary is found; its inode goes to *inode. */
static long find_binary(const char *path, struct exec_strings *strings, struct inode **inode)
{
	char line[SCRIPT_LINE], script[PATH_MAX], *interpreter, *argument;
	long error = open_executable(path, inode);

	strlcpy(script, path, sizeof(script));
	for (unsigned depth = 0; !error; depth++) {
		const char *words[3];
		unsigned count = 0;
		size_t size = inode_read(*inode, 0, line, sizeof(line) - 1);

		line[size] = '\0';
		if (size < 2 || line[0] != '#' || line[1] != '!')
			return 0;
		inode_put(*inode);
		if (depth > SCRIPT_DEPTH)
			return -ELOOP;
		error = parse_script_line(line, &interpreter, &argument);
		if (error)
			return error;
		words[count++] = interpreter;
		if (argument)
			words[count++] = argument;
		words[count++] = script;
		error = replace_first(strings, words, count);
		if (!error)
			error = open_executable(interpreter, inode);
		strlcpy(script, interpreter, sizeof(script));
	}
	return error;
}

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

/* Reads and checks the headers. 0, -ENOEXEC, or -ENOENT for a program that wants a dynamic linker. */
static long read_program(struct program *program)
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

static long build_stack(const struct program *program, const struct exec_strings *strings, const char *path,
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

/* ---- replacing the program --------------------------------------------------------------------------------
 */

/* Ends the other threads of the process; the caller takes the place of the first one. */
static void become_only_thread(struct process *process)
{
	struct thread *self = current_thread();
	struct wait_entry entry;

	if (process->thread_count > 1) {
		wait_begin(&process->event, &entry);
		process->exec_thread = self;
		while (process->thread_count > 1 && !process->exiting) {
			list_for_each (node, &process->threads)
				thread_wake(list_entry(node, struct thread, process_link));
			thread_sleep_uninterruptibly();
		}
		process->exec_thread = NULL;
		wait_end(&entry);
	}
	self->tid = process->pid;
}

static void replace_space(struct process *process, struct space *space)
{
	struct space *old = process->space;

	domain_thread_gone(current_thread());
	process->space = space;
	space_switch(space);
	if (old)
		space_put(old);
	process_vfork_done(process);
}

static void set_name(struct process *process, const char *path)
{
	const char *name = path;

	for (const char *at = path; *at; at++)
		if (*at == '/')
			name = at + 1;
	strlcpy(process->comm, name, sizeof(process->comm));
}

static long load(struct program *program, struct space *space)
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

/* A process that shares actions or files with another (vfork, CLONE_SIGHAND) gets its own. */
static long unshare(struct process *process)
{
	if (process->actions->references > 1) {
		struct signal_actions *copy = signal_actions_copy(process->actions);

		if (!copy)
			return -ENOMEM;
		signal_actions_put(process->actions);
		process->actions = copy;
	}
	if (process->files->references > 1) {
		struct fd_table *copy = fd_table_copy(process->files);

		if (!copy)
			return -ENOMEM;
		fd_table_put(process->files);
		process->files = copy;
	}
	return 0;
}

static void reset_thread(struct thread *thread)
{
	thread->fs_base = 0;
	write_msr(MSR_FS_BASE, 0);
	thread->signal_stack = (struct signal_stack){0};
	thread->clear_tid = 0;
	thread->robust_list = 0;
	fpu_reset(thread->xsave);
	fpu_load(thread->xsave);
}

static long exec_program(struct program *program, const char *path, const struct exec_strings *strings,
                         struct regs *regs)
{
	struct process *process = current_process();
	struct space *space;
	uint64_t sp;
	long error = read_program(program);

	if (error)
		return error;
	space = space_create(process->run ? process->run->account : NULL);
	if (!space)
		return -ENOMEM;
	rlimits_apply(process, space);
	domain_guard_space(process, space);
	become_only_thread(process);
	error = unshare(process);
	if (error) {
		space_put(space);
		return error;
	}
	replace_space(process, space);
	reset_thread(current_thread());
	error = domain_thread_prepare(current_thread());
	domain_reset_thread(current_thread());
	if (!error)
		error = load(program, space);
	if (!error)
		error = build_stack(program, strings, path, &sp);
	if (error) { /* the old program is gone */
		process_start_exit(process, STATUS_KILLED(SIGKILL));
		return error;
	}
	process_set_executable(process, program->inode);
	set_name(process, path);
	process->executed = true;
	fd_table_close_on_exec(process->files);
	signal_actions_exec(process);
	*regs = (struct regs){
	        .rip = program->header.entry + program->bias,
	        .cs = SELECTOR_USER_CODE,
	        .rflags = RFLAGS_MBS1 | RFLAGS_IF,
	        .rsp = sp,
	        .ss = SELECTOR_USER_DATA,
	};
	return 0;
}

long process_exec(const char *path, struct exec_strings *strings, struct regs *regs)
{
	struct program *program = kzalloc(sizeof(*program));
	long error = program ? find_binary(path, strings, &program->inode) : -ENOMEM;

	if (!error) {
		error = exec_program(program, path, strings, regs);
		inode_put(program->inode);
	}
	kfree(program);
	kfree(strings->text);
	return error;
}

/* A library cannot replace the program that called it. */
long sys_execve(uint64_t path_address, uint64_t argv, uint64_t envp)
{
	struct exec_strings strings = {0};
	char *path;
	long error;

	if (domain_inside())
		return -EPERM;
	path = kmalloc(PATH_MAX);
	error = path ? copy_string_from_user(path, path_address, PATH_MAX) : -ENOMEM;
	if (error >= 0) {
		strings.text = kmalloc(EXEC_STRINGS_MAX);
		error = strings.text ? read_strings(&strings, argv, &strings.argc) : -ENOMEM;
	}
	if (!error)
		error = read_strings(&strings, envp, &strings.envc);
	if (!error)
		error = process_exec(path, &strings, current_thread()->regs);
	else
		kfree(strings.text);
	kfree(path);
	return error;
}
