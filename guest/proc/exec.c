/* execve: a new program in the place of the old one. */
#include "domain/domain.h"
#include "domain/switch.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "plan/run.h"
#include "proc/lifecycle.h"
#include "proc/process.h"
#include "proc/program.h"
#include "proc/rlimit.h"
#include "proc/sched.h"
#include "x86/cpu.h"
#include "x86/fpu.h"

/* ---- arguments --------------------------------------------------------------------------------------------
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
	long error = program_read(program);

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
		error = program_map(program, space);
	if (!error)
		error = program_build_stack(program, strings, path, &sp);
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
	long error = program ? program_find(path, strings, &program->inode) : -ENOMEM;

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
