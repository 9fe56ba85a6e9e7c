/*
 * The seccomp filter: a row for each system call that is not simply allowed. The runtime's own calls carry a
 * secret in an argument that the call does not use (native_call()), so that a jump of the program to one of
 * the runtime's SYSCALL instructions gains nothing. For numbers without a row the kernel keeps a bitmap: they
 * cost nothing.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include "native/backend.h"
#include "native/domain.h"
#include "portcullis/abi.h"
#include "portcullis/wire.h"

#define X32_BIT    0x40000000 /* of the x32 ABI's numbers */
#define FILTER_MAX 1024
#define JUMP_MAX   255

/* asm/prctl.h, linux/prctl.h, linux/perf_event.h */
#define ARCH_SET_GS                  0x1001
#define ARCH_GET_GS                  0x1004
#define PR_SET_SYSCALL_USER_DISPATCH 59

/* Newer than the headers of musl. */
#define SYS_MAP_SHADOW_STACK 453
#define SYS_MSEAL            462

enum kind {
	SERVED,  /* the runtime serves it */
	REFUSED, /* fails with `error` */
	MEMORY,  /* argument 0 an address, 1 a size: fails if they reach the runtime or a domain */
	MAP,     /* mmap */
	PROTECT, /* mprotect, pkey_mprotect */
	MOVE,    /* mremap */
	POINTER, /* argument `argument` an address that the kernel writes to later */
	CLONE,   /* clone */
	ATTACH,  /* shmat */
	OPTION,  /* fails if argument 0 is `value` or `last` */
	ONLY     /* fails unless argument 0 lies in [value, last] */
};

/* For which backends a row stands. */
enum scope {
	ALWAYS,
	PROTECTING, /* all but `none` */
	GUARDED     /* those that depend on what the program executes and on its signal frames */
};

/* Of several rows of a number, the first one that applies is used. */
static const struct row {
	unsigned number;
	enum kind kind;
	enum scope scope;
	int error;
	uint32_t value, last;
	unsigned argument;
} rows[] = {
        {PORTCULLIS_SYS_ATTACH, SERVED, ALWAYS, 0, 0, 0, 0},
        {PORTCULLIS_SYS_DETACH, SERVED, ALWAYS, 0, 0, 0, 0},
        {PORTCULLIS_SYS_INFO, SERVED, ALWAYS, 0, 0, 0, 0},
        {PORTCULLIS_SYS_WIRE_MAP, SERVED, ALWAYS, 0, 0, 0, 0},
        {NATIVE_SYS_RELEASE, SERVED, GUARDED, 0, 0, 0, 0},
        {SYS_brk, SERVED, ALWAYS, 0, 0, 0, 0},
        {SYS_execve, SERVED, ALWAYS, 0, 0, 0, 0},
        {SYS_execveat, REFUSED, ALWAYS, ENOSYS, 0, 0, 0},

        /* Processes: a child is a client of its own. */
        {SYS_fork, SERVED, ALWAYS, 0, 0, 0, 0},
        {SYS_clone, CLONE, ALWAYS, EPERM, 0, 0, 0},
        {SYS_clone3, REFUSED, ALWAYS, ENOSYS, 0, 0, 0}, /* its flags lie in memory: clone() does the same */

        /* Memory. */
        {SYS_mmap, MAP, ALWAYS, 0, 0, 0, 0},
        {SYS_mprotect, PROTECT, ALWAYS, 0, 0, 0, 0},
        {SYS_munmap, MEMORY, ALWAYS, 0, 0, 0, 0},
        {SYS_madvise, MEMORY, ALWAYS, 0, 0, 0, 0},
        {SYS_mremap, SERVED, GUARDED, 0, 0, 0, 0},
        {SYS_mremap, MOVE, ALWAYS, 0, 0, 0, 0},
        {SYS_remap_file_pages, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_shmat, ATTACH, PROTECTING, EINVAL, 0, 0, 0},
        {SYS_MSEAL, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_MAP_SHADOW_STACK, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_pkey_mprotect, REFUSED, GUARDED, ENOSYS, 0, 0, 0},
        {SYS_pkey_mprotect, PROTECT, ALWAYS, 0, 0, 0, 0},
        /* A key that the program frees and takes again would come with rights to what it still protects. */
        {SYS_pkey_alloc, REFUSED, GUARDED, ENOSYS, 0, 0, 0},
        {SYS_pkey_free, REFUSED, GUARDED, ENOSYS, 0, 0, 0},

        /* Ways of the kernel to memory that do not ask for the rights of the thread. */
        {SYS_ptrace, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_process_vm_readv, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_process_vm_writev, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_process_madvise, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_pidfd_getfd, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_io_uring_setup, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_io_uring_enter, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_io_uring_register, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_io_setup, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_userfaultfd, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_bpf, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_perf_event_open, REFUSED, PROTECTING, EACCES, 0, 0, 0},

        /* What changes how code runs. READ_IMPLIES_EXEC; segments of one's own; filters that lie to the
         * runtime; the dispatch of system calls; a mount namespace with a /proc. */
        {SYS_personality, ONLY, PROTECTING, EPERM, 0xffffffff, 0xffffffff, 0},
        {SYS_modify_ldt, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_set_thread_area, REFUSED, PROTECTING, ENOSYS, 0, 0, 0},
        {SYS_arch_prctl, ONLY, PROTECTING, EINVAL, ARCH_SET_GS, ARCH_GET_GS, 0},
        {SYS_seccomp, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_prctl, OPTION, PROTECTING, EPERM, PR_SET_SECCOMP, PR_SET_SYSCALL_USER_DISPATCH, 0},
        {SYS_unshare, REFUSED, PROTECTING, EPERM, 0, 0, 0},
        {SYS_setns, REFUSED, PROTECTING, EPERM, 0, 0, 0},

        /* What the kernel writes for a thread later, perhaps while it is inside a library. */
        {SYS_set_tid_address, POINTER, PROTECTING, EINVAL, 0, 0, 0},
        {SYS_set_robust_list, REFUSED, GUARDED, ENOSYS, 0, 0, 0},
        {SYS_get_robust_list, REFUSED, GUARDED, ENOSYS, 0, 0, 0},
        /* An abort handler would run with the rights of the code that it interrupts. */
        {SYS_rseq, REFUSED, GUARDED, ENOSYS, 0, 0, 0},

        /* Signals. */
        {SYS_rt_sigaction, SERVED, ALWAYS, 0, 0, 0, 0},
        {SYS_rt_sigprocmask, SERVED, ALWAYS, 0, 0, 0, 0},
        {SYS_rt_sigreturn, SERVED, GUARDED, 0, 0, 0, 0},

};

struct code {
	struct sock_filter rules[FILTER_MAX];
	unsigned size;
};

static void put(struct code *code, uint16_t what, uint8_t yes, uint8_t no, uint32_t value)
{
	if (code->size == FILTER_MAX)
		__builtin_trap(); /* the table is a constant: every run sees it */
	code->rules[code->size++] = (struct sock_filter){what, yes, no, value};
}

static void give(struct code *code, uint32_t result)
{
	put(code, BPF_RET | BPF_K, 0, 0, result);
}

static void fail(struct code *code, int error)
{
	give(code, SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void load(struct code *code, size_t offset)
{
	put(code, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void load_low(struct code *code, unsigned argument)
{
	load(code, offsetof(struct seccomp_data, args) + 8 * argument);
}

static void load_high(struct code *code, unsigned argument)
{
	load(code, offsetof(struct seccomp_data, args) + 8 * argument + 4);
}

/* The next `count` instructions are for a value that is equal, that is at least so large, that has a bit. */
static void if_equal(struct code *code, uint32_t value, uint8_t count)
{
	put(code, BPF_JMP | BPF_JEQ | BPF_K, 0, count, value);
}

static void if_least(struct code *code, uint32_t value, uint8_t count)
{
	put(code, BPF_JMP | BPF_JGE | BPF_K, 0, count, value);
}

static void if_bits(struct code *code, uint32_t bits, uint8_t count)
{
	put(code, BPF_JMP | BPF_JSET | BPF_K, 0, count, bits);
}

/* The runtime's own call: it knows the secret. */
static void allow_own(struct code *code)
{
	load_low(code, 5);
	if_equal(code, (uint32_t)native_options.secret, 3);
	load_high(code, 5);
	if_equal(code, (uint32_t)(native_options.secret >> 32), 1);
	give(code, SECCOMP_RET_ALLOW);
}

/* mmap() uses all its arguments, but of the descriptor 32 bits only. A wrong guess is the last one. */
static void allow_own_map(struct code *code)
{
	load_high(code, 4);
	if_equal(code, (uint32_t)(native_options.secret >> 32), 1);
	give(code, SECCOMP_RET_ALLOW);
	put(code, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 0);
	put(code, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0xffffffff); /* descriptor -1 */
	give(code, SECCOMP_RET_KILL_PROCESS);
}

static void refuse_range(struct code *code)
{
	load_high(code, 0);
	if_least(code, PORTCULLIS_DOMAINS_END >> 32, 1);
	put(code, BPF_JMP | BPF_JA, 0, 0, 5);
	if_least(code, PORTCULLIS_APPLICATION_END >> 32, 1);
	fail(code, EPERM);
	load_high(code, 1);
	if_least(code, (NATIVE_IMAGES - PORTCULLIS_APPLICATION_END) >> 32, 1);
	fail(code, EPERM);
}

/* Executable memory is looked at before it can run. */
static void serve_executable(struct code *code)
{
	if (!native_backend->guarded)
		return;
	load_low(code, 2);
	if_bits(code, PROT_EXEC, 1);
	give(code, SECCOMP_RET_TRAP);
}

static void refuse_pointer(struct code *code, unsigned argument, int error)
{
	load_high(code, argument);
	if_least(code, PORTCULLIS_DOMAINS_END >> 32, 1);
	put(code, BPF_JMP | BPF_JA, 0, 0, 2);
	if_least(code, PORTCULLIS_APPLICATION_END >> 32, 1);
	fail(code, error);
}

static void put_body(struct code *code, const struct row *row)
{
	if (row->kind == MAP)
		allow_own_map(code);
	else
		allow_own(code);
	switch (row->kind) {
	case SERVED:
		give(code, SECCOMP_RET_TRAP);
		return;
	case REFUSED:
		fail(code, row->error);
		return;
	case MOVE:
		load_low(code, 3);
		if_bits(code, MREMAP_FIXED, 1);
		fail(code, EPERM);
		refuse_range(code);
		break;
	case MEMORY:
		refuse_range(code);
		break;
	case MAP:
	case PROTECT:
		refuse_range(code);
		serve_executable(code);
		break;
	case POINTER:
		refuse_pointer(code, row->argument, row->error);
		break;
	case CLONE:
		load_low(code, 0);
		if_bits(code, CLONE_NEWUSER | CLONE_NEWNS, 1);
		fail(code, row->error);
		put(code, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_VM);
		give(code, SECCOMP_RET_TRAP);
		refuse_pointer(code, 2, EINVAL);
		refuse_pointer(code, 3, EINVAL);
		break;
	case ATTACH:
		load_low(code, 2);
		if_bits(code, SHM_EXEC, 1);
		fail(code, row->error);
		refuse_pointer(code, 1, row->error);
		break;
	case OPTION:
		load_low(code, 0);
		if_equal(code, row->value, 1);
		fail(code, row->error);
		if_equal(code, row->last, 1);
		fail(code, row->error);
		break;
	case ONLY:
		load_low(code, 0);
		if_least(code, row->value, 1);
		put(code, BPF_JMP | BPF_JGT | BPF_K, 0, 1, row->last);
		fail(code, row->error);
		break;
	}
	give(code, SECCOMP_RET_ALLOW);
}

static bool applies(const struct row *row)
{
	if (row->scope != ALWAYS && row->kind != SERVED && native_weakened(NATIVE_WEAKEN_FILTER))
		return false;
	return row->scope == ALWAYS || (row->scope == PROTECTING && native_backend->protect) ||
	       (row->scope == GUARDED && native_backend->guarded);
}

static void put_row(struct code *code, const struct row *row)
{
	unsigned test = code->size;

	if_equal(code, row->number, 0);
	put_body(code, row);
	if (code->size - test - 1 > JUMP_MAX)
		__builtin_trap();
	code->rules[test].jf = (uint8_t)(code->size - test - 1);
}

/* The 32-bit system calls of int 80h have other numbers, and the x32 ABI's are flagged. */
static void put_head(struct code *code)
{
	load(code, offsetof(struct seccomp_data, arch));
	put(code, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	give(code, SECCOMP_RET_KILL_PROCESS);
	load(code, offsetof(struct seccomp_data, nr));
	if_least(code, X32_BIT, 1);
	fail(code, ENOSYS);
}

long filter_install(void)
{
	struct code code = {.size = 0};
	struct sock_fprog program;

	if (native_options.filtered)
		return 0;
	put_head(&code);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (applies(&rows[i]))
			put_row(&code, &rows[i]);
	give(&code, SECCOMP_RET_ALLOW);
	program = (struct sock_fprog){(unsigned short)code.size, code.rules};
	native_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	return native_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	                   (long)&program, 0, 0, 0);
}
