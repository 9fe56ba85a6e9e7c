#include "plan/run.h"

#include "channel.h"
#include "domain/backend.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "options.h"
#include "panic.h"
#include "plan/counters.h"
#include "plan/plan_text.h"
#include "proc/clock.h"
#include "proc/elf.h"
#include "proc/process.h"
#include "proc/sched.h"
#include "fs/fcntl.h"
#include "vmx/vmx.h"
#include "x86/entry.h"

#define LINE_MAX 1024 /* of a JSON line */

#define END_ALL_GOOD 0
#define END_SOME_BAD 1
#define END_NO_PLAN  2

static struct run *current_run;
static uint64_t machine_limit = NO_DEADLINE; /* TSC at which the whole plan is stopped: option limit= */

static const char *const reason_names[] = {
        [RUN_EXITED] = "exited", [RUN_SIGNAL] = "signal",     [RUN_MEMORY] = "memory",
        [RUN_TICKS] = "ticks",   [RUN_DEADLOCK] = "deadlock", [RUN_START] = "start",
};

/* ---- the end of a run -------------------------------------------------------------------------------------
 */

static void kill_processes(struct run *run)
{
	list_for_each (node, process_table()) {
		struct process *process = list_entry(node, struct process, table_link);

		if (process->run == run)
			process_start_exit(process, STATUS_KILLED(SIGKILL));
	}
}

static void kill_run(struct run *run, enum run_reason reason)
{
	if (!run->killed) {
		run->killed = true;
		run->reason = reason;
	}
	kill_processes(run);
}

uint64_t run_deadline(void)
{
	uint64_t deadline = current_run && !current_run->killed ? current_run->deadline : NO_DEADLINE;

	return MIN(deadline, machine_limit);
}

void run_check_limit(uint64_t now)
{
	if (now >= machine_limit)
		panic(LINK_PANIC_TICK_LIMIT " of %lu reached", machine_limit - tsc_boot);
	if (now >= run_deadline())
		kill_run(current_run, RUN_TICKS);
}

void run_out_of_memory(struct run *run)
{
	kill_run(run, RUN_MEMORY);
}

void run_deadlock(void)
{
	if (!current_run || current_run->killed)
		panic("no thread can run and nothing can wake one");
	kill_run(current_run, RUN_DEADLOCK);
}

void run_process_gone(struct process *process)
{
	struct run *run = process->run;

	if (!run)
		return;
	run->user_ticks += process->user_ticks;
	run->system_ticks += process->system_ticks;
	run->processes--;
	if (process->pid == run->main_pid) {
		run->main_gone = true;
		if (!run->killed)
			run->status = process->exit_status;
	}
	wake_all(&run->changed);
}

void run_fatal_fault(struct process *process, int number, uint64_t address, uint64_t instruction)
{
	struct run *run = process->run;

	if (!run || process->pid != run->main_pid || run->fatal.number)
		return;
	run->fatal.number = number;
	run->fatal.address = address;
	run->fatal.instruction = instruction;
	if (process->executable)
		elf_find_symbol(process->executable, instruction, run->fatal.symbol,
		                sizeof(run->fatal.symbol));
}

/* ---- the start of a run -----------------------------------------------------------------------------------
 */

static _Noreturn void fail_start(long error)
{
	struct run *run = current_process()->run;

	run->killed = true;
	run->reason = RUN_START;
	run->status = (int)-error;
	process_exit(STATUS_EXITED(127));
}

static long open_standard_files(const struct plan_line *line)
{
	struct file *input, *console;
	struct fd_table *files = current_process()->files;
	long error = file_open(line->input, O_RDONLY, 0, &input);

	if (error)
		return error;
	fd_install(files, input, 0, false);
	error = file_open("/dev/console", O_RDWR, 0, &console);
	if (error)
		return error;
	file_get(console);
	fd_install(files, console, 1, false);
	fd_install(files, console, 2, false);
	return 0;
}

static long change_directory(const char *path)
{
	struct fs_context *fs = current_process()->fs;
	struct inode *inode;
	long error = path_lookup(path, &inode);

	if (error)
		return error;
	if (inode->kind != INODE_DIRECTORY) {
		inode_put(inode);
		return -ENOTDIR;
	}
	inode_put(fs->cwd);
	fs->cwd = inode;
	return 0;
}

static long collect_strings(const struct plan_line *line, struct exec_strings *strings)
{
	long error = 0;

	strings->text = kmalloc(EXEC_STRINGS_MAX);
	if (!strings->text)
		return -ENOMEM;
	for (; !error && line->argv[strings->argc]; strings->argc++)
		error = exec_strings_add(strings, line->argv[strings->argc]);
	for (; !error && line->envp[strings->envc]; strings->envc++)
		error = exec_strings_add(strings, line->envp[strings->envc]);
	if (error)
		kfree(strings->text);
	return error;
}

/* The backend of that name if this machine can run it; says why not. */
static const struct backend *choose_backend(const char *name)
{
	const struct backend *backend = backend_find(name);
	const char *missing = backend && backend->missing ? backend->missing() : NULL;

	if (!backend)
		kprintf("backend %s: there is none of that name in this kernel\n", name);
	else if (missing)
		kprintf("backend %s: %s\n", name, missing);
	return missing ? NULL : backend;
}

/* First code of a run's main thread, in the kernel. */
static void start_program(void)
{
	struct process *process = current_process();
	const struct plan_line *line = process->run->line;
	struct regs *regs = current_thread()->regs;
	struct exec_strings strings = {0};
	long error = open_standard_files(line);

	process->backend = choose_backend(line->backend);
	if (!process->backend)
		error = -EOPNOTSUPP;
	if (!error)
		error = change_directory(line->cwd);
	process->credentials =
	        (struct credentials){line->uid, line->uid, line->uid, line->uid, line->uid, line->uid};
	if (!error)
		error = collect_strings(line, &strings);
	if (!error)
		error = process_exec(line->argv[0], &strings, regs);
	if (error)
		fail_start(error);
	exit_to_user(regs);
	return_to_user(regs);
}

static long create_main_process(struct run *run)
{
	struct process *process = process_create(current_process());
	struct thread *thread;

	if (!process)
		return -ENOMEM;
	process->run = run;
	run->processes = 1;
	process->files = fd_table_create();
	process->fs = fs_context_create();
	process->actions = signal_actions_create();
	thread = process->files && process->fs && process->actions
	                 ? thread_create(process, NULL, start_program)
	                 : NULL;
	if (!thread)
		return -ENOMEM; /* the machine has no memory at all: the caller gives up */
	process->pid = process->pgid = process->sid = run->main_pid = thread->tid;
	thread_wake(thread);
	return 0;
}

/* ---- reports ----------------------------------------------------------------------------------------------
 */

/* The launcher may want to read counters while nothing happens. */
static void hold(void)
{
	if (option_number("hold", 0))
		channel_hold();
}

static void send_start(const struct run *run, unsigned line, unsigned of)
{
	char text[LINE_MAX];

	snprintf(text, sizeof(text), "{\"id\":\"%s\",\"repetition\":%lu,\"line\":%u,\"of\":%u}",
	         run->line->id, run->repetition, line, of);
	channel_line(LINK_START, text, strlen(text));
	hold();
}

static void send_done(const struct run *run, uint64_t ticks)
{
	char text[LINE_MAX], detail[256] = "";

	if (run->reason == RUN_EXITED)
		snprintf(detail, sizeof(detail), "\"status\":%d,", run->status >> 8 & 0xff);
	if (run->reason == RUN_START)
		snprintf(detail, sizeof(detail), "\"status\":%d,", run->status);
	if (run->reason == RUN_SIGNAL)
		snprintf(detail, sizeof(detail),
		         "\"signal\":%d,\"address\":\"%lx\",\"instruction\":\"%lx\",\"symbol\":\"%s\",",
		         run->status & 0x7f, run->fatal.address, run->fatal.instruction, run->fatal.symbol);
	snprintf(text, sizeof(text),
	         "{\"id\":\"%s\",\"repetition\":%lu,\"reason\":\"%s\",%s\"user_ticks\":%lu,\"system_ticks\":%"
	         "lu,"
	         "\"ticks\":%lu,\"peak_memory\":%lu}",
	         run->line->id, run->repetition, reason_names[run->reason], detail, run->user_ticks,
	         run->system_ticks, ticks, run->account->peak * PAGE_SIZE);
	channel_line(LINK_DONE, text, strlen(text));
	hold();
}

static void send_record(const struct run *run, const char *metric, const char *unit, uint64_t value)
{
	char text[LINE_MAX];

	snprintf(text, sizeof(text),
	         "{\"schema\":1,\"workload\":\"%s\",\"repetition\":%lu,\"backend\":\"%s\",\"metric\":\"%s\","
	         "\"unit\":\"%s\","
	         "\"value\":%lu,\"n\":1}",
	         run->line->id, run->repetition, run->line->backend, metric, unit, value);
	channel_line(LINK_RECORD, text, strlen(text));
}

static void send_counters(const struct run *run, const uint64_t before[COUNTERS])
{
	unsigned end = vmx_is_running() ? COUNTERS : COUNT_MONITOR_FIRST;

	for (unsigned i = 0; i < end; i++)
		if (i <= COUNT_VM_EXITS || counters[i] != before[i])
			send_record(run, counter_metrics[i], "events", counters[i] - before[i]);
}

/* ---- the plan ---------------------------------------------------------------------------------------------
 */

/* Executes one run to its end. True when its program exited with status 0. */
static bool execute(const struct plan_line *line, uint64_t repetition, unsigned number, unsigned of)
{
	struct run run = {
	        .line = line,
	        .repetition = repetition,
	        .account = account_create(line->memory ? line->memory / PAGE_SIZE : UINT64_MAX),
	        .deadline = NO_DEADLINE,
	};
	struct wait_entry entry;
	uint64_t ticks, before[COUNTERS];

	memcpy(before, counters, sizeof(before));
	wait_queue_init(&run.changed);
	send_start(&run, number, of);
	run.start = read_tsc();
	if (line->ticks)
		run.deadline = run.start + line->ticks;
	current_run = &run;
	if (!run.account || create_main_process(&run))
		panic("no memory to start a program");
	wait_begin(&run.changed, &entry);
	while (run.processes) {
		if (run.main_gone)
			kill_processes(&run);
		thread_sleep_uninterruptibly();
	}
	wait_end(&entry);
	current_run = NULL;
	ticks = read_tsc() - run.start;
	if (!run.killed && run.status & 0x7f)
		run.reason =
		        run.account->exceeded && (run.status & 0x7f) == SIGKILL ? RUN_MEMORY : RUN_SIGNAL;
	send_record(&run, "user_time", "ticks", run.user_ticks);
	send_record(&run, "system_time", "ticks", run.system_ticks);
	send_counters(&run, before);
	send_done(&run, ticks);
	run.account->limit = UINT64_MAX; /* another run may write to files that this one leaves */
	account_put(run.account);
	return run.reason == RUN_EXITED && run.status == 0;
}

/* Runs in all lines, repetitions counted. */
static unsigned count_runs(const char *text, const char *end, struct plan_line *line)
{
	char error[256];
	unsigned number = 0, count = 0;

	while (plan_next(&text, end, &number, line, error, sizeof(error)) == PLAN_LINE)
		count += (unsigned)line->repeat;
	return count;
}

void plan_thread(void)
{
	size_t size;
	const char *at = plan_text(&size), *end = at + size;
	struct plan_line *line = kmalloc(sizeof(*line));
	unsigned number = 0, done = 0, of, status = END_ALL_GOOD;
	uint64_t limit = option_number("limit", 0);
	char error[256];
	enum plan_result result;

	if (!line)
		panic("no memory for a line of the plan");
	if (!at) {
		kprintf("plan: the boot loader has brought none\n");
		machine_end(END_NO_PLAN);
	}
	if (limit)
		machine_limit = tsc_boot + limit;
	of = count_runs(at, end, line);
	while ((result = plan_next(&at, end, &number, line, error, sizeof(error))) == PLAN_LINE)
		for (uint64_t repetition = 0; repetition < line->repeat; repetition++)
			if (!execute(line, repetition, ++done, of))
				status = END_SOME_BAD;
	if (result == PLAN_ERROR) {
		kprintf("plan, line %u: %s\n", number, error);
		status = END_NO_PLAN;
	}
	machine_end(status);
}
