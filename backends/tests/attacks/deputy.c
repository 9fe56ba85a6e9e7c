/*
 * Attacks that ask the kernel to do it: system calls that are given addresses in a domain. Loads bring the
 * secret to the application; stores are shown by the library's data, which change.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attack.h"
#include "portcullis/abi.h"
#include "vault.h"

#define SECRET_LENGTH (VAULT_SECRET_SIZE - 1)

static long target(void)
{
	return (long)attack_secret_address();
}

/* A file that holds what is no secret. */
static int make_file(void)
{
	char text[512];
	int file = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0700);

	memset(text, 'x', sizeof(text));
	if (file < 0 || write(file, text, sizeof(text)) != sizeof(text) || lseek(file, 0, SEEK_SET))
		attack_refused("no file");
	return file;
}

/* ---- loads ------------------------------------------------------------------------------------------------
 */

/* What has arrived in the file, after a call that wrote to it. */
static void search_file(int file, const char *call, long result)
{
	char seen[64] = "";

	if (result > 0)
		pread(file, seen, sizeof(seen), 0);
	attack_search(seen, sizeof(seen));
	attack_refused_by(call, result);
}

static void load_write(void)
{
	int file = make_file();

	search_file(file, "write", syscall(SYS_write, file, target(), SECRET_LENGTH));
}

static void load_writev(void)
{
	struct iovec vector = {(void *)target(), SECRET_LENGTH};
	int file = make_file();

	search_file(file, "writev", syscall(SYS_writev, file, &vector, 1));
}

static void load_pwrite(void)
{
	int file = make_file();

	search_file(file, "pwrite", syscall(SYS_pwrite64, file, target(), SECRET_LENGTH, 0));
}

static void load_pwritev(void)
{
	struct iovec vector = {(void *)target(), SECRET_LENGTH};
	int file = make_file();

	search_file(file, "pwritev", syscall(SYS_pwritev, file, &vector, 1, 0, 0));
}

/* Starts in the application and ends in the domain: all that lies between is not mapped. */
static void load_straddling(void)
{
	static char start;
	int file = make_file();

	search_file(file, "write", syscall(SYS_write, file, &start, target() + SECRET_LENGTH - (long)&start));
}

static void load_pipe(void)
{
	char seen[64] = "";
	int ends[2];
	long result;

	if (pipe(ends))
		attack_refused("no pipe");
	result = syscall(SYS_write, ends[1], target(), SECRET_LENGTH);
	if (result > 0)
		read(ends[0], seen, sizeof(seen));
	attack_search(seen, sizeof(seen));
	attack_refused_by("write", result);
}

/* A name of a file is as good as its contents. */
static void load_name(void)
{
	long result;
	struct dirent *entry;
	DIR *folder;

	if (mkdir("/tmp/names", 0700) && chdir("/tmp/names"))
		attack_refused("no folder");
	chdir("/tmp/names");
	result = syscall(SYS_mkdir, target(), 0700);
	folder = result ? NULL : opendir("/tmp/names");
	while (folder && (entry = readdir(folder)))
		attack_search(entry->d_name, strlen(entry->d_name));
	attack_refused_by("mkdir", result);
}

static void load_link(void)
{
	char seen[64] = "";
	long result;

	unlink("/tmp/link");
	result = syscall(SYS_symlink, target(), "/tmp/link");
	if (!result && readlink("/tmp/link", seen, sizeof(seen)) > 0)
		attack_search(seen, sizeof(seen));
	attack_refused_by("symlink", result);
}

/* The kernel keeps it, and gives it back. */
static void load_thread_name(void)
{
	long result = prctl(PR_SET_NAME, target());
	char seen[16] = "";

	if (!result)
		prctl(PR_GET_NAME, seen);
	attack_search(seen, sizeof(seen));
	attack_refused_by("prctl", result);
}

/* What this kernel does not have at all. */
static void load_process_vm(void)
{
	char seen[SECRET_LENGTH] = "";
	struct iovec local = {seen, sizeof(seen)}, remote = {(void *)target(), sizeof(seen)};
	long result = syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0);

	attack_search(seen, sizeof(seen));
	attack_refused_by("process_vm_readv", result);
}

static void load_ptrace(void)
{
	attack_refused_by("ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static void load_proc_mem(void)
{
	char seen[SECRET_LENGTH] = "";
	int file = open("/proc/self/mem", O_RDONLY);

	if (file < 0)
		attack_refused_by("open", file);
	pread(file, seen, sizeof(seen), target());
	attack_search(seen, sizeof(seen));
}

static void load_socket(void)
{
	attack_refused_by("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}));
}

/* ---- stores -----------------------------------------------------------------------------------------------
 */

/* Ends the program: the library's data have changed, or what the call has said. */
static _Noreturn void judge_store(const char *call, long result)
{
	if (vault_intact() != 1)
		attack_gained("the library's data");
	attack_refused_by(call, result);
}

/* A call whose argument number `position` is the target. */
static _Noreturn void store(const char *call, long number, unsigned position, const long arguments[6])
{
	long a[6];

	memcpy(a, arguments, sizeof(a));
	a[position] = target();
	judge_store(call, syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

#define STORE(name, position, ...)                                                                           \
	static void store_##name(void)                                                                       \
	{                                                                                                    \
		const long arguments[6] = {__VA_ARGS__};                                                     \
                                                                                                             \
		store(#name, SYS_##name, position, arguments);                                               \
	}

static struct stat status;

/* The target's place is written as 0. */
STORE(read, 1, make_file(), 0, SECRET_LENGTH)
STORE(pread64, 1, make_file(), 0, SECRET_LENGTH, 0)
STORE(getrandom, 0, 0, SECRET_LENGTH, 0)
STORE(getcwd, 0, 0, 512)
STORE(uname, 0, 0)
STORE(stat, 1, (long)"/tmp", 0)
STORE(lstat, 1, (long)"/tmp", 0)
STORE(fstat, 1, make_file(), 0)
STORE(newfstatat, 2, AT_FDCWD, (long)"/tmp", 0, 0)
STORE(statfs, 1, (long)"/tmp", 0)
STORE(fstatfs, 1, make_file(), 0)
STORE(pipe, 0, 0)
STORE(pipe2, 0, 0, 0)
STORE(poll, 0, 0, 1, 0)
STORE(clock_gettime, 1, CLOCK_REALTIME, 0)
STORE(clock_getres, 1, CLOCK_REALTIME, 0)
STORE(gettimeofday, 0, 0, 0)
STORE(time, 0, 0)
STORE(times, 0, 0)
STORE(getitimer, 1, 0, 0)
STORE(setitimer, 2, 0, 0, 0)
STORE(getrlimit, 1, 0, 0)
STORE(prlimit64, 3, 0, 0, 0, 0)
STORE(getrusage, 1, 0, 0)
STORE(sysinfo, 0, 0)
STORE(getresuid, 0, 0, (long)&status, (long)&status)
STORE(getresgid, 2, (long)&status, (long)&status, 0)
STORE(rt_sigaction, 2, SIGUSR1, 0, 0, 8)
STORE(rt_sigprocmask, 2, SIG_BLOCK, 0, 0, 8)
STORE(rt_sigpending, 0, 0, 8)
STORE(sigaltstack, 1, 0, 0)
STORE(prctl, 1, PR_GET_NAME, 0)
STORE(arch_prctl, 1, 0x1003, 0) /* ARCH_GET_FS */
STORE(sched_getaffinity, 2, 0, 8, 0)
STORE(getdents64, 1, open("/", O_RDONLY | O_DIRECTORY), 0, 512)
STORE(get_robust_list, 1, 0, 0, (long)&status)

static void store_readv(void)
{
	struct iovec vectors[2] = {{&status, 1}, {(void *)target(), SECRET_LENGTH}};

	judge_store("readv", syscall(SYS_readv, make_file(), vectors, 2));
}

static void store_preadv(void)
{
	struct iovec vector = {(void *)target(), SECRET_LENGTH};

	judge_store("preadv", syscall(SYS_preadv, make_file(), &vector, 1, 0, 0));
}

static void store_readlink(void)
{
	unlink("/tmp/link");
	symlink("nowhere-in-particular", "/tmp/link");
	judge_store("readlink", syscall(SYS_readlink, "/tmp/link", target(), SECRET_LENGTH));
}

static int make_child(void)
{
	int child = fork();

	if (child == 0)
		_exit(0);
	if (child < 0)
		attack_refused("no child");
	return child;
}

static void store_wait4(void)
{
	int child = make_child();

	judge_store("wait4", syscall(SYS_wait4, child, target(), 0, NULL));
}

static void store_wait4_usage(void)
{
	int child = make_child();

	judge_store("wait4", syscall(SYS_wait4, child, NULL, 0, target()));
}

static void store_waitid(void)
{
	int child = make_child();

	judge_store("waitid", syscall(SYS_waitid, P_PID, child, target(), WEXITED, NULL));
}

static void store_sigtimedwait(void)
{
	uint64_t set = 1UL << (SIGUSR1 - 1);

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8);
	raise(SIGUSR1);
	judge_store("rt_sigtimedwait", syscall(SYS_rt_sigtimedwait, &set, target(), NULL, 8));
}

static void store_domain_info(void)
{
	judge_store("domain_info",
	            syscall(PORTCULLIS_SYS_INFO, PORTCULLIS_INFO_BACKEND, target(), SECRET_LENGTH));
}

/* ---- what the kernel writes by itself: 13 -----------------------------------------------------------------
 */

static long child_words(unsigned long flags)
{
	long child = syscall(SYS_clone, flags | SIGCHLD, 0, target(), target(), 0);

	if (child == 0)
		_exit(0);
	waitpid((int)child, NULL, 0);
	return child;
}

static void store_parent_tid(void)
{
	judge_store("clone", child_words(CLONE_PARENT_SETTID));
}

static void store_child_tid(void)
{
	judge_store("clone", child_words(CLONE_CHILD_SETTID));
}

static void *exit_with_tid_address(void *unused)
{
	syscall(SYS_set_tid_address, target());
	syscall(SYS_exit, 0);
	return unused;
}

static void store_clear_tid(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exit_with_tid_address, NULL))
		attack_refused("pthread_create");
	usleep(2000);
	judge_store("set_tid_address", 0);
}

/* Linux, include/uapi/linux/futex.h */
#define FUTEX_OWNER_DIED 0x40000000

struct robust_list {
	struct robust_list *next;
};

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *pending;
};

/* A futex word of the thread that ends, in memory of the library that the application may fill. */
static void *exit_with_robust_futex(void *unused)
{
	static struct robust_list entry;
	static struct robust_list_head head;
	uint32_t word = (uint32_t)syscall(SYS_gettid);

	head.list.next = &entry;
	entry.next = &head.list;
	head.futex_offset = (long)vault_copy_address() - (long)&entry;
	vault_copy((char *)&word, (const char *)&word, sizeof(word));
	syscall(SYS_set_robust_list, &head, sizeof(head));
	syscall(SYS_exit, 0);
	return unused;
}

static void store_robust(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, exit_with_robust_futex, NULL))
		attack_refused("pthread_create");
	usleep(2000);
	if (*(volatile uint32_t *)vault_copy_address() & FUTEX_OWNER_DIED)
		attack_gained("a word of the library");
}

#define LOAD(name)                                                                                           \
	{                                                                                                    \
		"load-" #name, load_##name                                                                   \
	}
#define WRITE(name)                                                                                          \
	{                                                                                                    \
		"store-" #name, store_##name                                                                 \
	}

static const struct attack attacks[] = {
        LOAD(write),
        LOAD(writev),
        LOAD(pwrite),
        LOAD(pwritev),
        LOAD(straddling),
        LOAD(pipe),
        LOAD(name),
        LOAD(link),
        LOAD(thread_name),
        LOAD(process_vm),
        LOAD(ptrace),
        LOAD(proc_mem),
        LOAD(socket),
        WRITE(read),
        WRITE(pread64),
        WRITE(getrandom),
        WRITE(getcwd),
        WRITE(uname),
        WRITE(stat),
        WRITE(lstat),
        WRITE(fstat),
        WRITE(newfstatat),
        WRITE(statfs),
        WRITE(fstatfs),
        WRITE(pipe),
        WRITE(pipe2),
        WRITE(poll),
        WRITE(clock_gettime),
        WRITE(clock_getres),
        WRITE(gettimeofday),
        WRITE(time),
        WRITE(times),
        WRITE(getitimer),
        WRITE(setitimer),
        WRITE(getrlimit),
        WRITE(prlimit64),
        WRITE(getrusage),
        WRITE(sysinfo),
        WRITE(getresuid),
        WRITE(getresgid),
        WRITE(rt_sigaction),
        WRITE(rt_sigprocmask),
        WRITE(rt_sigpending),
        WRITE(sigaltstack),
        WRITE(prctl),
        WRITE(arch_prctl),
        WRITE(sched_getaffinity),
        WRITE(getdents64),
        WRITE(get_robust_list),
        WRITE(readv),
        WRITE(preadv),
        WRITE(readlink),
        WRITE(wait4),
        WRITE(wait4_usage),
        WRITE(waitid),
        WRITE(sigtimedwait),
        WRITE(domain_info),
        WRITE(parent_tid),
        WRITE(child_tid),
        WRITE(clear_tid),
        WRITE(robust),
        {0},
};

int main(int argc, char **argv)
{
	return attack_main(argc, argv, attacks);
}
