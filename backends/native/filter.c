/*
 * The seccomp filter. The runtime's own system calls, told by the instruction pointer, pass. Of the
 * program's, those that the runtime serves become SIGSYS; all others pass, and the kernel keeps a bitmap of
 * the numbers that always do, so that they cost nothing.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "native/native.h"
#include "portcullis/abi.h"

#define LOAD(field)           BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_HIGH(field)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field) + 4)
#define RETURN(action)        BPF_STMT(BPF_RET | BPF_K, action)
#define IF_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip) /* else: skip that many */
#define IF_ABOVE(value, skip) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, value, 0, skip)
#define TRAP(number)          IF_EQUAL(number, 1), RETURN(SECCOMP_RET_TRAP)

#define MEMORY_RULES 12 /* instructions about memory calls behind the jump over them */

static const struct sock_filter rules[] = {
        /* The 32-bit system calls of int 80h have other numbers, and the x32 ABI's are flagged. */
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        IF_ABOVE(0x40000000, 1),
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        TRAP(PORTCULLIS_SYS_ATTACH),
        TRAP(PORTCULLIS_SYS_DETACH),
        TRAP(PORTCULLIS_SYS_INFO),
        TRAP(SYS_fork),
        IF_EQUAL(SYS_clone3, 1), /* its flags lie in memory: clone() does the same */
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        IF_EQUAL(SYS_execveat, 1),
        RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        /* Memory calls of the program: nothing at the runtime's and the domains' addresses, no range that
         * reaches there, nothing moved there. */
        IF_EQUAL(SYS_mremap, 4),
        LOAD(args[3]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MREMAP_FIXED, 0, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 1, 0),
        BPF_STMT(BPF_JMP | BPF_JA, MEMORY_RULES),
        LOAD_HIGH(instruction_pointer),
        IF_EQUAL(NATIVE_TEXT >> 32, 1),
        RETURN(SECCOMP_RET_ALLOW),
        LOAD_HIGH(args[0]),
        IF_ABOVE(PORTCULLIS_DOMAINS_END >> 32, 1),
        RETURN(SECCOMP_RET_ALLOW),
        IF_ABOVE(PORTCULLIS_APPLICATION_END >> 32, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        LOAD_HIGH(args[1]),
        IF_ABOVE((NATIVE_TEXT - PORTCULLIS_APPLICATION_END) >> 32, 1),
        RETURN(SECCOMP_RET_ERRNO | EPERM),
        RETURN(SECCOMP_RET_ALLOW),
        /* From here on: numbers that the runtime uses itself. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 1, 0),
        RETURN(SECCOMP_RET_ALLOW),
        LOAD_HIGH(instruction_pointer),
        IF_EQUAL(NATIVE_TEXT >> 32, 1),
        RETURN(SECCOMP_RET_ALLOW),
        LOAD(nr),
        IF_EQUAL(SYS_clone, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_VM, 0, 1), /* threads, and vfork() */
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_TRAP),
};

/* It comes through execve(). Only its answer tells it from filters of a container, which are not ours. */
static bool is_installed(void)
{
	char name[16];

	return native_call(PORTCULLIS_SYS_INFO, PORTCULLIS_INFO_BACKEND, (long)name, sizeof(name), 0, 0, 0) >=
	       0;
}

long filter_install(void)
{
	const struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), (struct sock_filter *)rules};

	if (is_installed())
		return 0;
	native_call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	return native_call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
	                   (long)&program, 0, 0, 0);
}
