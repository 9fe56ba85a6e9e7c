/* The system calls of a running VMM, as a seccomp filter (Documentation/userspace-api/seccomp_filter.rst of
 * Linux). */
#include "host/kvm/vmm.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW_IF(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1), ALLOW

int sandbox_enter(void)
{
	static const struct sock_filter filter[] = {
	        LOAD(arch),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
	        KILL,
	        LOAD(nr),
	        ALLOW_IF(SYS_write),
	        ALLOW_IF(SYS_pread64),
	        ALLOW_IF(SYS_futex),
	        ALLOW_IF(SYS_clock_nanosleep),
	        ALLOW_IF(SYS_rt_sigreturn),
	        ALLOW_IF(SYS_restart_syscall),
	        ALLOW_IF(SYS_exit_group),
	        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0),
	        KILL,
	        LOAD(args[1]), /* the request: its lower half, as ioctl takes it */
	        ALLOW_IF(KVM_RUN),
	        ALLOW_IF(KVM_GET_REGS),
	        ALLOW_IF(KVM_GET_MSRS),
	        ALLOW_IF(KVM_TRANSLATE),
	        KILL,
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), (struct sock_filter *)filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		return -errno;
	return 0;
}
