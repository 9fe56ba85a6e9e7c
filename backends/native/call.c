/* The system calls that the runtime serves in the kernel's place. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "native/broker.h"
#include "native/domain.h"
#include "native/wire.h"
#include "portcullis/wire.h"
#include "native/signals.h"
#include "native/text.h"

#define WORDS_MAX 2000 /* arguments and variables of an execve() */

static uint64_t break_start, break_now;

void call_start(uint64_t end)
{
	break_start = break_now = end;
}

/* A pointer that the caller may pass: to application memory, or a library's to its own domain (its first
 * byte; 0: none). */
static bool allowed(uint64_t address, size_t size, uint64_t domain)
{
	if (user_range(address, size))
		return true;
	return domain && address - domain < PORTCULLIS_DOMAIN_SIZE &&
	       size <= PORTCULLIS_DOMAIN_SIZE - (address - domain);
}

/* The break of the program, whose own the kernel has put behind the runtime. */
static long set_break(uint64_t wanted)
{
	uint64_t mapped = (break_now + PORTCULLIS_PAGE_SIZE - 1) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);
	uint64_t needed = (wanted + PORTCULLIS_PAGE_SIZE - 1) & ~(uint64_t)(PORTCULLIS_PAGE_SIZE - 1);

	if (wanted < break_start || needed > PORTCULLIS_APPLICATION_END)
		return (long)break_now;
	if (needed > mapped &&
	    native_call(SYS_mmap, (long)mapped, (long)(needed - mapped), PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (long)mapped)
		return (long)break_now;
	if (needed < mapped)
		native_call(SYS_munmap, (long)needed, (long)(mapped - needed), 0, 0, 0, 0);
	break_now = wanted;
	return (long)wanted;
}

/* Pointers up to a NULL, from the program's array; each leads to application memory. Their number or -errno.
 */
static long read_words(const char *const *from, const char **to, long room)
{
	long count = 0;

	if (!from) {
		to[0] = NULL;
		return 0;
	}
	for (; count < room; count++) {
		if (!user_range((uint64_t)&from[count], sizeof(from[count])) ||
		    user_read(&to[count], &from[count], sizeof(to[count])))
			return -EFAULT;
		if (!to[count])
			return count;
		if (!user_range((uint64_t)to[count], 1))
			return -EFAULT;
	}
	return -E2BIG;
}

/* The next program starts with the signals blocked that this one has blocked. The arrays are not to be on the
 * stack of other calls. */
__attribute__((noinline)) static long execute(const char *path, const char *const *argv,
                                              const char *const *envp, uint64_t mask)
{
	const char *words[WORDS_BEFORE + WORDS_MAX + 2], *variables[WORDS_MAX + 1];
	struct native_options next = native_options;
	char options[NATIVE_OPTIONS_SIZE];
	long error = read_words(argv, words + WORDS_BEFORE, WORDS_MAX + 1);

	if (error >= 0)
		error = read_words(envp, variables, WORDS_MAX + 1);
	if (error < 0)
		return error;
	if (!user_range((uint64_t)path, 1))
		return -EFAULT;
	error = program_check(path);
	if (error)
		return error;
	next.filtered = true;
	next.mask = mask;
	options_write(&next, options);
	words[WORD_NAME] = "portcullis-native";
	words[WORD_EXEC] = "exec";
	words[WORD_BACKEND] = native_backend->name;
	words[WORD_PATH] = path;
	words[WORD_BROKER] = broker_name();
	words[WORD_SECRET] = broker_secret();
	words[WORD_OPTIONS] = options;
	words[WORD_SEPARATOR] = "--";
	return native_call(SYS_execve, (long)NATIVE_PATH, (long)words, (long)variables, 0, 0, 0);
}

/* fork() and clone() of a process: the child returns from here, too, on the stack that it asks for. */
static long fork_program(unsigned long flags, uint64_t stack, long parent_id, long child_id, long storage,
                         greg_t *registers)
{
	long child;

	if ((parent_id && !user_range((uint64_t)parent_id, sizeof(int))) ||
	    (child_id && !user_range((uint64_t)child_id, sizeof(int))))
		return -EFAULT;
	child = domain_fork(flags, parent_id, child_id, storage);
	if (child == 0 && stack)
		registers[REG_RSP] = (greg_t)stack;
	return child;
}

static long attach(const greg_t *registers, uint64_t domain)
{
	uint64_t path = (uint64_t)registers[REG_RDI], slots = (uint64_t)registers[REG_R10],
	         count = (uint64_t)registers[REG_R8];

	if (count > PORTCULLIS_ENTRIES_MAX)
		return -ESTALE;
	if (!allowed(path, 1, domain) || !allowed(slots, count * sizeof(uint64_t), domain))
		return -EFAULT;
	return domain_attach((const char *)path, (unsigned)registers[REG_RSI], (uint64_t)registers[REG_RDX],
	                     (uint64_t *)slots, (unsigned)count);
}

static long information(const greg_t *registers, uint64_t domain)
{
	uint64_t to = (uint64_t)registers[REG_RSI], size = (uint64_t)registers[REG_RDX];

	if (!size || !allowed(to, size, domain))
		return size ? -EFAULT : -EINVAL;
	return domain_info((unsigned)registers[REG_RDI], (char *)to, size, (int)registers[REG_R10]);
}

long call_serve(long number, greg_t *registers, uint64_t *mask, bool library)
{
	uint64_t domain = library ? (uint64_t)registers[REG_RIP] & ~(PORTCULLIS_DOMAIN_SIZE - 1) : 0;
	long a = registers[REG_RDI], b = registers[REG_RSI], c = registers[REG_RDX], d = registers[REG_R10];

	library = library && native_backend->protect; /* on `none` it may do what the program may */
	switch (number) {
	case PORTCULLIS_SYS_ATTACH:
		return attach(registers, domain);
	case PORTCULLIS_SYS_DETACH:
		return domain_detach((int)a, library);
	case PORTCULLIS_SYS_INFO:
		return information(registers, domain);
	case PORTCULLIS_SYS_WIRE_MAP:
		return domain_holds(domain) ? wire_map((uint64_t)a, (uint64_t)b, (uint64_t)c, (unsigned)d)
		                            : -EPERM;
	case SYS_brk:
		return set_break((uint64_t)a);
	case SYS_execve:
		/* A library cannot replace the program. */
		return library ? -EPERM
		               : execute((const char *)a, (const char *const *)b, (const char *const *)c,
		                         *mask);
	case SYS_fork: /* a library's stack is its process's */
		return library ? -EPERM : fork_program(SIGCHLD, 0, 0, 0, 0, registers);
	case SYS_clone:
		return library ? -EPERM
		               : fork_program((unsigned long)a, (uint64_t)b, c, d, registers[REG_R8],
		                              registers);
	case SYS_rt_sigaction:
		return signals_action((int)a, b, c, (size_t)d);
	case SYS_rt_sigprocmask:
		return signals_mask((int)a, b, c, (size_t)d, mask);
	case SYS_mmap:
		return text_map((uint64_t)a, (uint64_t)b, (int)c, (int)d, (int)registers[REG_R8],
		                (uint64_t)registers[REG_R9]);
	case SYS_mprotect:
		return text_protect((uint64_t)a, (uint64_t)b, (int)c);
	case SYS_mremap:
		return text_move((uint64_t)a, (uint64_t)b, (uint64_t)c, (int)d, (uint64_t)registers[REG_R8]);
	default:
		return -ENOSYS;
	}
}
