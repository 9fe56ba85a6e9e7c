/*
 * The native platform: programs with protected libraries as ordinary processes of a stock Linux kernel.
 *
 * `portcullis-native` is two things. As `run` it is what the guest kernel is on other engines: it takes the
 * plan apart, gives each run a file system and a process tree of its own, and reports in the byte stream of
 * guest/abi/link.h. As `exec` it maps one program into its own process, next to itself, and answers the
 * system calls of portcullis/abi.h, which no Linux kernel has, from a SIGSYS handler that a seccomp filter
 * leads to.
 */
#ifndef NATIVE_NATIVE_H
#define NATIVE_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "native/native_calls.h"
#include "native/places.h"

/* Where the new root folder has this executable: execve() of a program becomes one of this. */
#define NATIVE_PATH "/.portcullis-native"

/*
 * Arguments in front of a program's own: name, "exec", backend, path, options (options.c), "--", the
 * broker's socket and secret (broker.h). What is secret is wiped before the program can read it. Their number
 * is even, so that the stack stays aligned to 16 bytes when they are cut off it.
 */
enum {
	WORD_NAME,
	WORD_EXEC,
	WORD_BACKEND,
	WORD_PATH,
	WORD_OPTIONS,
	WORD_SEPARATOR,
	WORD_BROKER,
	WORD_SECRET,
	WORDS_BEFORE
};
_Static_assert(WORDS_BEFORE % 2 == 0, "the program's stack is aligned");

/* Defences that can be left out, to test that attacks fail because of them: `--option weaken=NAME[,NAME...]`.
 */
enum {
	NATIVE_WEAKEN_FILTER = 1,    /* "filter": system calls that get around rights */
	NATIVE_WEAKEN_WATCH = 2,     /* "watch": guarding stray WRPKRU and XRSTOR */
	NATIVE_WEAKEN_SIGRETURN = 4, /* "sigreturn": taking no rights from signal frames */
	NATIVE_WEAKEN_DEFER = 8,     /* "defer": holding signals back while a thread is inside */
	NATIVE_WEAKEN_RIGHTS = 16,   /* "rights-check": the check of a gate behind WRPKRU */
	NATIVE_WEAKEN_INDEX = 32,    /* "index-check": the check of the entry's index */
};

/* What the runner tells the runtime of a program, and that runtime the next one at an execve(). */
struct native_options {
	uint64_t secret; /* of the run: tells the runtime's own system calls; 0 in the runner */
	unsigned scrub;  /* enum plan_scrub */
	unsigned weaken; /* NATIVE_WEAKEN_* */
	bool filtered;   /* the filter is there already: it comes through execve() */
	uint64_t mask;   /* signals that are blocked when the program starts */
};
extern struct native_options native_options;
#define NATIVE_OPTIONS_SIZE 80 /* bytes of the word, NUL included */

void options_write(const struct native_options *options, char *word);
const char *options_read(const char *word); /* into native_options; NULL, or a sentence */
/* NATIVE_WEAKEN_* of the names, up to a blank or the end. -1: *unknown is the start of one that there is not.
 */
int options_weaken(const char *names, const char **unknown);

static inline bool native_weakened(unsigned defence)
{
	return native_options.weaken & defence;
}

/* `portcullis-native run FD [SOCKET]`: the plan in a RAM image (guest/abi/boot.h), held at SOCKET around each
 * run. The status for the process's exit. */
int plan_main(int image);

/* `portcullis-native exec ...`: becomes the program. Returns only after a sentence on stderr. */
int program_main(char **argv);

/* Lines of the byte stream to the launcher, on standard output; and console text. */
void stream_line(char type, const char *format, ...) __attribute__((format(printf, 2, 3)));
void stream_console(const char *text, size_t size);

/* From now on stream_hold() returns when the launcher, which has read all, sends a byte through `socket`. */
void stream_hold_at(int socket);
void stream_hold(void);

/* Makes an empty memory file system with the archive's files the process's root. 0, or -1 after a sentence on
 * stderr. */
int root_make(const void *archive, size_t size);
#define ROOT_RECORDS "/dev/records"

/* Hertz of the TSC, by CLOCK_MONOTONIC_RAW: the median of some intervals, the least and the most. */
struct tsc_rate {
	uint64_t median, least, most;
	unsigned intervals;
};
struct tsc_rate tsc_calibrate(void);
static inline uint64_t tsc_read(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

/*
 * Maps a static ELF program. `phdr`, `entry` and so on are what the kernel would tell it in the auxiliary
 * vector. NULL, or a sentence without its full stop.
 */
struct program {
	uint64_t base;                    /* added to its addresses */
	uint64_t entry, phdr, phnum, end; /* end: first address behind its last segment */
};
const char *program_map(const char *path, struct program *program);

/* Can the file be executed? The kernel would look at the runtime's file alone. 0 or -errno, as execve(2). */
long program_check(const char *path);

/* Handlers of a backend that does not guard signals. NULL, or a sentence. */
const char *trap_start(void);

/* The seccomp filter, for this process and all that come from it. 0 or -errno. */
long filter_install(void);

/*
 * System calls of the runtime inside a program: no errno, for thread-local storage is the program's. A sixth
 * argument that is not used carries the secret by which the filter knows them; of mmap(), which has none, the
 * half of the descriptor that the kernel does not look at.
 */
static inline long native_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") =
	        number == SYS_mmap && native_options.secret
	                ? (long)((uint32_t)e | (native_options.secret & 0xffffffff00000000))
	                : e;
	register long r9 __asm__("r9") =
	        f || number == SYS_mmap || number == SYS_process_vm_readv || number == SYS_process_vm_writev
	                ? f
	                : (long)native_options.secret;
	long result;

	/* Nothing of the secret stays in registers: a gate may return to the program next. */
	__asm__ volatile("syscall\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d"
	                 : "=a"(result), "+r"(r8), "+r"(r9)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
	                 : "rcx", "r11", "memory");
	return result;
}

/*
 * Copies for pointers that a program has passed: 0 or -EFAULT. Whether the pointer leads to memory that the
 * program may use, the caller has to ask before: user_range().
 */
long user_write(void *to, const void *from, size_t size);
long user_read(void *to, const void *from, size_t size);
bool user_range(uint64_t address, size_t size); /* wholly application memory */

/* Where such a copy continues after a fault at `instruction`, 0: it was none. */
uint64_t user_fixup(uint64_t instruction);

void call_start(uint64_t end); /* where the program's break starts */

/*
 * Serves a system call that the filter has sent back; `registers` are the program's, `mask` the signals that
 * are blocked when it goes on. `library`: the thread has the rights of the library whose instruction it is;
 * an instruction of a library alone says nothing, for a program can jump there. What it returns.
 */
long call_serve(long number, greg_t *registers, uint64_t *mask, bool library);

#endif
