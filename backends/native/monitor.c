#include "native/monitor.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "native/deliver.h"
#include "native/pku.h"
#include "native/signals.h"
#include "native/text.h"

#define SWEEP_ENTRIES 256 /* entries after which records of threads that are gone are freed */
#define LINE_MAX      256

struct monitor_thread monitor_threads[MONITOR_THREADS];

extern const Elf64_Ehdr __ehdr_start; /* of the runtime: the linker's */

/* ---- messages ---- */

void monitor_say(const char *what, uint64_t address)
{
	static const char digits[] = "0123456789abcdef";
	char line[LINE_MAX];
	size_t used = strnlen(what, LINE_MAX - 32);

	memcpy(line, what, used);
	if (address) {
		memcpy(line + used, " at ", 4);
		used += 4;
		for (int shift = 60 - __builtin_clzll(address) / 4 * 4; shift >= 0; shift -= 4)
			line[used++] = digits[address >> shift & 15];
	}
	line[used++] = '\n';
	native_call(SYS_write, 2, (long)line, (long)used, 0, 0, 0);
}

_Noreturn void monitor_kill(const char *what, uint64_t address)
{
	monitor_say(what, address);
	for (;;)
		native_call(SYS_kill, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
}

_Noreturn void monitor_forged(void)
{
	monitor_kill("portcullis: a jump to the entry of signals", 0);
}

/* ---- threads ---- */

struct monitor_thread *monitor_thread(void)
{
	return &monitor_threads[((uint64_t)__builtin_frame_address(0) - MONITOR_STACKS) >>
	                        MONITOR_STACK_SHIFT];
}

/* A thread's end is not seen: its record is free when there is no thread of that number. */
void monitor_sweep(void)
{
	static uint32_t entries;

	if (__atomic_add_fetch(&entries, 1, __ATOMIC_RELAXED) % SWEEP_ENTRIES)
		return;
	for (unsigned i = 0; i < MONITOR_THREADS; i++) {
		uint32_t tid = monitor_threads[i].tid;

		if (tid && native_call(SYS_tkill, tid, 0, 0, 0, 0, 0) == -ESRCH)
			__atomic_compare_exchange_n(&monitor_threads[i].tid, &tid, 0, false, __ATOMIC_SEQ_CST,
			                            __ATOMIC_SEQ_CST);
	}
}

/* ---- signals that the kernel hands over ---- */

/* Do the kernel's defaults do no more than nothing, stop or continue? */
static bool is_mild(int number)
{
	return number == SIGCHLD || number == SIGURG || number == SIGWINCH || number == SIGCONT ||
	       number == SIGTSTP || number == SIGTTIN || number == SIGTTOU;
}

long monitor_receive(int number)
{
	const struct signal_action *wanted = signals_wanted(number);
	struct signal_action action = {(void *)monitor_entry,
	                               SA_SIGINFO | SA_NODEFER | SIGNAL_RESTORER |
	                                       (wanted->flags & (SA_RESTART | SA_NOCLDSTOP | SA_NOCLDWAIT)),
	                               monitor_restorer, ~SIGNALS_FAULTS};
	bool leave =
	        wanted->handler == (void *)SIG_IGN || (wanted->handler == (void *)SIG_DFL && is_mild(number));

	if (leave && !(SIGNALS_FAULTS & signal_bit(number)))
		action = (struct signal_action){
		        wanted->handler, (wanted->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT)) | SIGNAL_RESTORER,
		        monitor_restorer, 0};
	return signals_set(number, &action);
}

/* What was ignored before the program stays so. */
static long receive_all(void)
{
	for (int number = 1; number <= SIGNALS_MAX; number++) {
		struct signal_action *wanted = signals_wanted(number);

		if (number == SIGKILL || number == SIGSTOP || number == SIGNAL_MARK)
			continue;
		if (native_call(SYS_rt_sigaction, number, 0, (long)wanted, SIGNALS_MASK_SIZE, 0, 0))
			return -EINVAL;
		if (wanted->handler != (void *)SIG_IGN)
			*wanted = (struct signal_action){0};
		if (monitor_receive(number))
			return -EINVAL;
	}
	return 0;
}

static long block(void)
{
	static const struct signal_action ignored = {(void *)SIG_IGN, 0, NULL, 0};
	uint64_t mask = native_options.mask & ~(SIGNALS_FAULTS | signal_bit(SIGNAL_MARK));

	return signals_set(SIGNAL_MARK, &ignored) |
	       native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, SIGNALS_MASK_SIZE, 0, 0);
}

/* ---- memory ---- */

/* The runtime's own writable segments. */
static long protect_data(void)
{
	const Elf64_Phdr *headers = (const Elf64_Phdr *)((uint64_t)&__ehdr_start + __ehdr_start.e_phoff);
	uint64_t base = (uint64_t)&__ehdr_start & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	long error = 0;

	for (unsigned i = 0; i < __ehdr_start.e_phnum && !error; i++) {
		uint64_t start = headers[i].p_vaddr, end = start + headers[i].p_memsz;

		if (headers[i].p_type != PT_LOAD || !(headers[i].p_flags & PF_W))
			continue;
		if (start < base)
			return -EINVAL; /* it is linked where it lies */
		start &= ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
		error = pku_own(start, end - start);
	}
	return error;
}

static long make_stacks(void)
{
	uint64_t size = (uint64_t)MONITOR_THREADS << MONITOR_STACK_SHIFT;
	long at = native_call(SYS_mmap, MONITOR_STACKS, (long)size, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	return at == MONITOR_STACKS ? pku_own(MONITOR_STACKS, size) : -ENOMEM;
}

const char *monitor_start(const struct program *program)
{
	const char *error = deliver_start();

	if (error)
		return error;
	if (make_stacks())
		return "there is no memory for the monitor's stacks";
	if (receive_all())
		return "its signals cannot be received";
	error = text_start(program);
	if (!error && protect_data())
		error = "the runtime's memory cannot be protected";
	if (!error && block())
		error = "its signals cannot be blocked";
	return error;
}
