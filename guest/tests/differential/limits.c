/* Resource limits, random bytes, machine facts, calls that do not exist. */
#include "case.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#define SUBJECT "limits"

static void say_limit(const char *what, int resource)
{
	struct rlimit limit;

	must("getrlimit", getrlimit(resource, &limit));
	say("%s: %ld %ld\n", what, (long)limit.rlim_cur, (long)limit.rlim_max);
}

static void limit_in_child(void *argument)
{
	(void)argument;
	say_limit("child", RLIMIT_NOFILE);
}

CASE(get_and_set)
{
	struct rlimit limit = {20, 100}, old;

	say_limit("at first", RLIMIT_NOFILE);
	say_result("lower", setrlimit(RLIMIT_NOFILE, &limit));
	say_limit("now", RLIMIT_NOFILE);
	in_child("child", limit_in_child, NULL);
	limit.rlim_cur = 101;
	say_result("soft above hard", setrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 50;
	say_result("prlimit", syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, &old));
	say("old %ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
	say_result("prlimit of itself", syscall(SYS_prlimit64, getpid(), RLIMIT_NOFILE, NULL, &old));
	say("now %ld %ld\n", (long)old.rlim_cur, (long)old.rlim_max);
	say_result("prlimit of nobody", syscall(SYS_prlimit64, 999999, RLIMIT_NOFILE, NULL, &old));
	say_result("unknown resource", syscall(SYS_getrlimit, 77, &old));
	say_result("unknown resource", syscall(SYS_setrlimit, 77, &old));
	say_result("bad pointer", syscall(SYS_getrlimit, RLIMIT_NOFILE, BAD));
	say_result("bad pointer", syscall(SYS_setrlimit, RLIMIT_NOFILE, BAD));
}

static void raise_hard(void *argument)
{
	struct rlimit limit = {10, 300};

	(void)argument;
	say_result("raise the hard limit", setrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_max = 100;
	say_result("lower the hard limit", setrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_max = 200;
	say_result("raise it back", setrlimit(RLIMIT_NOFILE, &limit));
}

CASE_ROOT(hard_limit_of_a_user)
{
	as_user("user", raise_hard, NULL);
}

CASE(open_files)
{
	struct rlimit limit = {5, CASE_OPEN_MAX};

	must("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
	say_result("dup", dup(0));
	say_result("dup", dup(0));
	say_result("dup", dup(0));
	say_result("open", open(".", O_RDONLY));
	say_result("pipe", pipe((int[2]){0, 0}));
	say_result("dup2 above", dup2(0, 5));
	say_result("dup2 below", dup2(0, 4));
	close(4);
	say_result("pipe with room for one end", pipe((int[2]){0, 0}));
	say_result("dup", dup(0));
}

static void tell(int number)
{
	say("handler: %s\n", signal_name(number));
}

static void write_too_much(void *argument)
{
	(void)argument;
	for (int i = 0; i < 3; i++)
		say_result("write", write(3, "0123456789", 10));
}

CASE(file_size)
{
	struct rlimit limit = {15, RLIM_INFINITY};
	int fd = must("open", open("file", O_RDWR | O_CREAT, 0644));

	say("descriptor %d\n", fd);
	must("setrlimit", setrlimit(RLIMIT_FSIZE, &limit));
	in_child("default", write_too_much, NULL);
	must("lseek", lseek(fd, 0, SEEK_SET));
	handle(SIGXFSZ, tell, 0);
	in_child("handled", write_too_much, NULL);
	say_result("ftruncate", ftruncate(fd, 16));
	say_result("ftruncate within", ftruncate(fd, 15));
}

CASE(address_space)
{
	struct rlimit limit = {64 * 1024 * 1024, RLIM_INFINITY};
	void *at;

	must("setrlimit", setrlimit(RLIMIT_AS, &limit));
	at = mmap(NULL, 128 * 1024 * 1024, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say_ok("too much", at == MAP_FAILED ? -1 : 0);
	at = mmap(NULL, 16 * 1024 * 1024, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say_ok("within", at == MAP_FAILED ? -1 : 0);
}

CASE(random_bytes)
{
	unsigned char data[300] = {0}, more[16];
	int sum = 0;

	say_result("getrandom", getrandom(data, sizeof(data), 0));
	for (size_t i = 200; i < sizeof(data); i++)
		sum |= data[i];
	say("filled %d\n", sum != 0);
	say_result("again", getrandom(more, sizeof(more), GRND_NONBLOCK));
	say("different %d\n", memcmp(more, data, sizeof(more)) != 0);
	say_result("nothing", getrandom(data, 0, 0));
	say_result("unknown flag", syscall(SYS_getrandom, data, 4, 0x80));
	say_result("bad pointer", syscall(SYS_getrandom, BAD, 4, 0));
}

CASE(machine_facts)
{
	struct utsname name;
	struct sysinfo info;

	must("uname", uname(&name));
	say("%s %s\n", name.sysname, name.machine);
	say("release has a number: %d\n", atoi(name.release) > 0);
	say_result("bad pointer", syscall(SYS_uname, BAD));
	must("sysinfo", sysinfo(&info));
	say("memory %d, processes %d\n", info.totalram > 0 && info.freeram <= info.totalram, info.procs > 0);
	say_result("bad pointer", syscall(SYS_sysinfo, BAD));
}

CASE(no_such_call)
{
	say_result("call 1000", syscall(1000));
	say_result("call -1", syscall(-1));
	say_result("largest", syscall(0x7fffffffffffffff));
}

CASE(thread_area)
{
	unsigned long base = 0;

	say_result("get", syscall(SYS_arch_prctl, 0x1003, &base));
	say("set: %d\n", base != 0);
	say_result("set to itself", syscall(SYS_arch_prctl, 0x1002, base));
	say_result("set to the kernel", syscall(SYS_arch_prctl, 0x1002, 0xffff800000000000UL));
	say_result("unknown", syscall(SYS_arch_prctl, 0x9999, base));
	say_result("bad pointer", syscall(SYS_arch_prctl, 0x1003, BAD));
}
