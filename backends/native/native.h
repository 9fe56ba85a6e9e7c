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

/*
 * Memory that is neither the application's (portcullis/layout.h) nor a domain's: [PORTCULLIS_APPLICATION_END,
 * PORTCULLIS_DOMAINS_START). The runtime is linked there (build.mk), away from every program.
 */
#define NATIVE_TEXT 0x1fc000000000

/* Where the new root folder has this executable: execve() of a program becomes one of this. */
#define NATIVE_PATH "/.portcullis-native"

/*
 * Arguments in front of a program's own: name, "exec", backend, path, and the broker's socket and secret
 * (broker.h), which nobody can read there before it is wiped. Their number is even, so that the stack stays
 * aligned to 16 bytes when they are cut off it.
 */
enum { WORD_NAME, WORD_EXEC, WORD_BACKEND, WORD_PATH, WORD_BROKER, WORD_SECRET, WORDS_BEFORE };
_Static_assert(WORDS_BEFORE % 2 == 0, "the program's stack is aligned");

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
	uint64_t entry, phdr, phnum, end; /* end: first address behind its last segment */
};
const char *program_map(const char *path, struct program *program);

/* Can the file be executed? The kernel would look at the runtime's file alone. 0 or -errno, as execve(2). */
long program_check(const char *path);

/*
 * Routes the system calls of portcullis/abi.h, and those that a program would leave the runtime with, to the
 * runtime. `end` is where the program's break starts. NULL, or a sentence.
 */
const char *trap_start(const char *backend, uint64_t end);

/* The seccomp filter, for this process and all that come from it. 0 or -errno. */
long filter_install(void);

/* System calls of the runtime inside a program: no errno, for thread-local storage is the program's. */
static inline long native_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}

/* Copies by the kernel, for pointers that a program has passed: 0 or -EFAULT. */
long user_write(void *to, const void *from, size_t size);
long user_read(void *to, const void *from, size_t size);

#endif
