/* execve: what it passes, what it keeps, what it refuses. This program is its own target: `differential
 * --exec-KIND`. */
#include "case.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SUBJECT "exec"

extern char **environ;

static void show_arguments(int argc, char **argv)
{
	char here[4096];
	size_t length;

	must("getcwd", getcwd(here, sizeof(here)) ? 0 : -1);
	length = strlen(here);
	say("%d arguments\n", argc);
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], here, length) == 0)
			say("[HERE%s]\n", argv[i] + length);
		else
			say("[%s]\n", argv[i]);
	for (char **at = environ; *at; at++)
		say("environment [%s]\n", *at);
	say("NULL after the arguments: %d\n", argv[argc] == NULL);
}

static void show_auxiliary(char **argv)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	unsigned char *random = (unsigned char *)getauxval(AT_RANDOM);
	int sum = 0;

	for (int i = 0; random && i < 16; i++)
		sum |= random[i];
	say("page size %lu, secure %lu\n", getauxval(AT_PAGESZ), getauxval(AT_SECURE));
	say("users %d %d, groups %d %d\n", getauxval(AT_UID) == getuid(), getauxval(AT_EUID) == geteuid(),
	    getauxval(AT_GID) == getgid(), getauxval(AT_EGID) == getegid());
	say("headers %d, size %lu, entry %d\n", getauxval(AT_PHDR) != 0, getauxval(AT_PHENT),
	    getauxval(AT_ENTRY) != 0);
	say("random bytes %d\n", sum != 0);
	say("name %s, same as the first argument: %d\n", name && name[0] == '/' ? "absolute" : name,
	    name && strcmp(name, argv[0]) == 0);
}

static void show_kept(void)
{
	sigset_t mask, pending;
	struct sigaction action;
	stack_t stack;
	char text[4096];
	static const int signals[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGHUP};

	sigprocmask(SIG_BLOCK, NULL, &mask);
	sigpending(&pending);
	for (size_t i = 0; i < COUNT(signals); i++) {
		sigaction(signals[i], NULL, &action);
		say("%s: %s, blocked %d, pending %d\n", signal_name(signals[i]),
		    action.sa_handler == SIG_DFL   ? "default"
		    : action.sa_handler == SIG_IGN ? "ignored"
		                                   : "handled",
		    sigismember(&mask, signals[i]), sigismember(&pending, signals[i]));
	}
	sigaltstack(NULL, &stack);
	say("alternate stack: %d\n", stack.ss_flags != SS_DISABLE);
	for (int fd = 3; fd < 12; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			say("descriptor %d open, flags %d, at %ld\n", fd, fcntl(fd, F_GETFD),
			    (long)lseek(fd, 0, SEEK_CUR));
	must("getcwd", getcwd(text, sizeof(text)) ? 0 : -1);
	say("directory %s, umask %03o\n", strrchr(text, '/'), umask(0));
}

static void show_floating_point(void)
{
	uint32_t mxcsr;
	uint16_t control;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(control));
	say("mxcsr %x, control word %x\n", mxcsr, control);
}

void exec_child_main(int argc, char **argv);

void exec_child_main(int argc, char **argv)
{
	const char *kind = argv[1] + strlen("--exec-");

	if (strcmp(kind, "arguments") == 0) {
		show_arguments(argc, argv);
	} else if (strcmp(kind, "auxiliary") == 0) {
		show_auxiliary(argv);
	} else if (strcmp(kind, "kept") == 0) {
		show_kept();
	} else if (strcmp(kind, "float") == 0) {
		show_floating_point();
	} else if (strcmp(kind, "count") == 0) {
		size_t total = 0;

		for (int i = 0; i < argc; i++)
			total += strlen(argv[i]) + 1;
		say("%d arguments of %zu bytes\n", argc, total - strlen(argv[0]) - 1);
	} else if (strcmp(kind, "pid") == 0) {
		say("same process %d, one thread %d\n", getpid() == atoi(argv[2]),
		    syscall(SYS_gettid) == getpid());
	} else if (strcmp(kind, "pause") == 0) {
		pause();
	} else {
		_exit(1);
	}
	_exit(0);
}

static char *empty[] = {NULL};

static void run_self(char **arguments)
{
	arguments[0] = (char *)(uintptr_t)self_path;
	say_result("execve", execve(self_path, arguments, empty));
}

static void pass_arguments(void *argument)
{
	char *arguments[] = {"name", "--exec-arguments", "", "two words", "\t\x01\xff", "last", NULL};
	char *environment[] = {"A=1", "EMPTY=", "no equals sign", "A=2", NULL};

	(void)argument;
	say_result("execve", execve(self_path, arguments, environment));
}

CASE(arguments_and_environment)
{
	in_child("child", pass_arguments, NULL);
}

static void pass_auxiliary(void *argument)
{
	char *arguments[] = {NULL, "--exec-auxiliary", NULL};

	(void)argument;
	run_self(arguments);
}

CASE(auxiliary_vector)
{
	in_child("child", pass_auxiliary, NULL);
}

static void pass_many(void *argument)
{
	enum { MANY = 2000 };
	char **arguments = calloc(MANY + 1, sizeof(*arguments));

	(void)argument;
	for (int i = 1; i < MANY; i++)
		arguments[i] = i == 1 ? "--exec-count" : "an argument";
	run_self(arguments);
}

static void pass_long(void *argument)
{
	size_t length = *(size_t *)argument;
	char *text = malloc(length + 1), *arguments[] = {NULL, "--exec-count", text, NULL};

	memset(text, 'x', length);
	text[length] = '\0';
	run_self(arguments);
}

CASE(large_arguments)
{
	size_t fits = 100000, too_long = 131072;

	in_child("many", pass_many, NULL);
	in_child("long", pass_long, &fits);
	in_child("too long", pass_long, &too_long);
}

static void try(const char *path)
{
	char *arguments[] = {"name", NULL};

	say_result(path, execve(path, arguments, empty));
}

static void write_program(const char *path, const void *data, size_t size)
{
	int fd = must(path, open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));

	must("write", write(fd, data, size));
	close(fd);
}

/* The first `size` bytes of this program. */
static void write_piece(const char *path, size_t size)
{
	char *data = malloc(size);
	int fd = must("self", open(self_path, O_RDONLY));

	must("read", read(fd, data, size));
	close(fd);
	write_program(path, data, size);
	free(data);
}

static void try_all(void *argument)
{
	char name[300];

	(void)argument;
	try("missing");
	try("directory");
	try("plain");
	try("plain/x");
	try("empty");
	try("text");
	try("loop");
	try("");
	memset(name, 'n', 256);
	name[256] = '\0';
	say_result("name of 256", execve(name, empty, empty));
	say_result("bad path", syscall(SYS_execve, BAD, empty, empty));
	say_result("bad arguments", syscall(SYS_execve, self_path, BAD, empty));
	say_result("bad environment", syscall(SYS_execve, self_path, empty, BAD));
	say_result("bad argument", syscall(SYS_execve, self_path, (char *[]){"name", BAD, NULL}, empty));
}

CASE(errors)
{
	must("mkdir", mkdir("directory", 0755));
	must("symlink", symlink("loop", "loop"));
	write_file("plain", "no right to execute");
	write_program("empty", "", 0);
	write_program("text", "no program at all\n", 18);
	in_child("child", try_all, NULL);
}

static void try_damaged(void *argument)
{
	(void)argument;
	try("magic-only");
	try("header-only");
	try("wrong-machine");
	try("wrong-class");
	try("big-endian");
	try("no-segments");
	try("kind");
}

CASE(damaged_programs)
{
	unsigned char header[64];
	int fd = must("self", open(self_path, O_RDONLY));

	must("read", read(fd, header, sizeof(header)));
	close(fd);
	write_piece("magic-only", 4);
	write_piece("header-only", 64);
	header[18] = 0xf3; /* e_machine: RISC-V */
	write_program("wrong-machine", header, sizeof(header));
	header[18] = 0x3e;
	header[4] = 1; /* EI_CLASS: 32 bit */
	header[16] = 1;
	write_program("wrong-class", header, sizeof(header));
	header[4] = 2;
	header[5] = 2; /* EI_DATA */
	write_program("big-endian", header, sizeof(header));
	header[5] = 1;
	header[16] = 2;
	header[56] = header[57] = 0; /* e_phnum */
	write_program("no-segments", header, sizeof(header));
	header[16] = 1; /* e_type: relocatable */
	header[56] = 1;
	write_program("kind", header, sizeof(header));
	in_child("child", try_damaged, NULL);
}

static void run_script(void *argument)
{
	char *arguments[] = {"zeroth", "first", "second", NULL};

	say_result("execve", execve(argument, arguments, empty));
}

CASE(scripts)
{
	char text[4200];

	snprintf(text, sizeof(text), "#!%s --exec-arguments\n", self_path);
	write_program("one-argument", text, strlen(text));
	snprintf(text, sizeof(text), "#! \t %s   --exec-arguments   \nrest", self_path);
	write_program("blanks", text, strlen(text));
	snprintf(text, sizeof(text), "#!%s --exec-arguments", self_path);
	write_program("no-newline", text, strlen(text));
	must("getcwd", getcwd(text + 2, 4000) ? 0 : -1);
	memcpy(text, "#!", 2);
	strcat(text, "/one-argument two words\n");
	write_program("script-of-script", text, strlen(text));
	write_program("missing-interpreter", "#!/no/such/program\n", 19);
	write_program("nothing", "#!\n", 3);
	write_program("only-blanks", "#!    \n", 7);
	write_program("endless", "#!./endless\n", 12);
	write_program("directory", "#!/\n", 4);
	in_child("one argument", run_script, "one-argument");
	in_child("blanks", run_script, "./blanks");
	in_child("no newline", run_script, "no-newline");
	in_child("script of a script", run_script, "script-of-script");
	in_child("missing interpreter", run_script, "missing-interpreter");
	in_child("nothing", run_script, "nothing");
	in_child("only blanks", run_script, "only-blanks");
	in_child("endless", run_script, "endless");
	in_child("directory", run_script, "directory");
}

static void handler(int number)
{
	(void)number;
}

static void keep_state(void *argument)
{
	char *arguments[] = {NULL, "--exec-kept", NULL};
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	int fd;

	(void)argument;
	handle(SIGUSR1, handler, 0);
	signal(SIGUSR2, SIG_IGN);
	block(SIGTERM);
	block(SIGHUP);
	raise(SIGTERM);
	must("sigaltstack", sigaltstack(&stack, NULL));
	write_file("file", "0123456789");
	fd = must("open", open("file", O_RDONLY));
	lseek(fd, 4, SEEK_SET);
	must("dup2", dup2(fd, 5));
	must("dup3", dup3(fd, 6, O_CLOEXEC));
	must("open", open("file", O_RDONLY | O_CLOEXEC));
	must("mkdir", mkdir("below", 0755));
	must("chdir", chdir("below"));
	umask(051);
	run_self(arguments);
}

CASE(kept_and_reset)
{
	in_child("child", keep_state, NULL);
}

static void odd_floating_point(void *argument)
{
	char *arguments[] = {NULL, "--exec-float", NULL};
	uint32_t mxcsr = 0x9fc0;
	uint16_t control = 0x0c7f;

	(void)argument;
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(control));
	run_self(arguments);
}

CASE(floating_point_is_reset)
{
	in_child("child", odd_floating_point, NULL);
}

static void *execute_from_thread(void *argument)
{
	char *arguments[] = {NULL, "--exec-pid", argument, NULL};

	run_self(arguments);
	return NULL;
}

static void *sleep_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void start_threads(void *argument)
{
	pthread_t thread;
	char text[16];

	(void)argument;
	snprintf(text, sizeof(text), "%d", getpid());
	for (int i = 0; i < 3; i++)
		say_error("pthread_create", pthread_create(&thread, NULL, sleep_for_ever, NULL));
	if (pthread_create(&thread, NULL, execute_from_thread, text))
		say("no fourth thread\n");
	sleep_for_ever(NULL);
}

CASE(from_a_thread)
{
	in_child("child", start_threads, NULL);
}

static void start_alarm(void *argument)
{
	char *arguments[] = {NULL, "--exec-pause", NULL};
	struct itimerval timer = {{0, 0}, {0, 30000}};

	(void)argument;
	must("setitimer", setitimer(ITIMER_REAL, &timer, NULL));
	run_self(arguments);
}

CASE(alarm_survives)
{
	in_child("child", start_alarm, NULL);
}

CASE(after_vfork)
{
	char *arguments[] = {(char *)(uintptr_t)self_path, "--exec-count", "one", NULL};
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(self_path, arguments, empty);
		_exit(1);
	}
	finish_child("child", pid);
	pid = vfork();
	if (pid == 0) {
		failed = execve("missing", arguments, empty) < 0 ? errno : 0;
		_exit(2);
	}
	say("failed with %s\n", error_name(failed));
	finish_child("child", pid);
}

CASE(group_of_child_after_exec)
{
	char *arguments[] = {(char *)(uintptr_t)self_path, "--exec-pause", NULL};
	int pipes[2];
	char byte;
	pid_t pid;

	must("pipe2", pipe2(pipes, O_CLOEXEC));
	pid = must("fork", fork());
	if (pid == 0) {
		execve(self_path, arguments, empty);
		_exit(1);
	}
	close(pipes[1]);
	say_result("until it executes", read(pipes[0], &byte, 1));
	say_result("setpgid", setpgid(pid, pid));
	must("kill", kill(pid, SIGKILL));
	finish_child("child", pid);
}

CASE(running_program_is_busy)
{
	char *arguments[] = {"copy", "--exec-pause", NULL};
	char data[4096];
	int from = must("self", open(self_path, O_RDONLY)), to, pipes[2];
	ssize_t size;
	pid_t pid;

	to = must("copy", open("copy", O_WRONLY | O_CREAT, 0755));
	while ((size = read(from, data, sizeof(data))) > 0)
		must("write", write(to, data, size));
	say_result("execute while open for writing", execve("copy", arguments, empty));
	close(to);
	must("pipe2", pipe2(pipes, O_CLOEXEC));
	pid = must("fork", fork());
	if (pid == 0) {
		execve("copy", arguments, empty);
		_exit(1);
	}
	close(pipes[1]);
	read(pipes[0], data, 1);
	say_ok("open for writing while it runs", open("copy", O_WRONLY));
	say_ok("open for reading while it runs", open("copy", O_RDONLY));
	say_ok("unlink while it runs", unlink("copy"));
	must("kill", kill(pid, SIGKILL));
	finish_child("child", pid);
}
