/* What the cases share: output, children, probing of memory. See case.h. */
#include "case.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

void say(const char *format, ...)
{
	char text[2048];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (length >= (int)sizeof(text))
		length = sizeof(text) - 1;
	if (write(1, text, length) != length)
		_exit(98);
}

const char *error_name(int error)
{
	static const struct {
		int number;
		const char *name;
	} names[] = {
#define NAME(error) {error, #error}
	        NAME(EPERM),     NAME(ENOENT),     NAME(ESRCH),           NAME(EINTR),     NAME(EIO),
	        NAME(ENXIO),     NAME(E2BIG),      NAME(ENOEXEC),         NAME(EBADF),     NAME(ECHILD),
	        NAME(EAGAIN),    NAME(ENOMEM),     NAME(EACCES),          NAME(EFAULT),    NAME(EBUSY),
	        NAME(EEXIST),    NAME(EXDEV),      NAME(ENODEV),          NAME(ENOTDIR),   NAME(EISDIR),
	        NAME(EINVAL),    NAME(ENFILE),     NAME(EMFILE),          NAME(ENOTTY),    NAME(ETXTBSY),
	        NAME(EFBIG),     NAME(ENOSPC),     NAME(ESPIPE),          NAME(EROFS),     NAME(EMLINK),
	        NAME(EPIPE),     NAME(EDOM),       NAME(ERANGE),          NAME(EDEADLK),   NAME(ENAMETOOLONG),
	        NAME(ENOSYS),    NAME(ENOTEMPTY),  NAME(ELOOP),           NAME(EOVERFLOW), NAME(EOPNOTSUPP),
	        NAME(ETIMEDOUT), NAME(EOWNERDEAD), NAME(ENOTRECOVERABLE),
#undef NAME
	};
	static char unknown[32];

	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].number == error)
			return names[i].name;
	snprintf(unknown, sizeof(unknown), "errno %d", error);
	return unknown;
}

const char *signal_name(int number)
{
	static const char *const names[] = {
	        [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",
	        [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",
	        [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",   [SIGKILL] = "SIGKILL",
	        [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
	        [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",
	        [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT", [SIGSTOP] = "SIGSTOP",
	        [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN", [SIGTTOU] = "SIGTTOU",
	        [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU", [SIGXFSZ] = "SIGXFSZ",
	        [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGWINCH] = "SIGWINCH",
	        [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",   [SIGSYS] = "SIGSYS",
	};
	static char unknown[32];

	if (number > 0 && number < (int)COUNT(names) && names[number])
		return names[number];
	snprintf(unknown, sizeof(unknown), "signal %d", number);
	return unknown;
}

void say_result(const char *what, long value)
{
	if (value == -1)
		say("%s: %s\n", what, error_name(errno));
	else
		say("%s: %ld\n", what, value);
}

long show(const char *call, long value)
{
	say_result(call, value);
	return value;
}

void say_ok(const char *what, long value)
{
	say("%s: %s\n", what, value == -1 ? error_name(errno) : "ok");
}

void say_error(const char *what, int error)
{
	say("%s: %s\n", what, error ? error_name(error) : "ok");
}

void say_status(const char *what, int status)
{
	if (WIFEXITED(status))
		say("%s: exited %d\n", what, WEXITSTATUS(status));
	else if (WIFSTOPPED(status))
		say("%s: stopped %s\n", what, signal_name(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		say("%s: continued\n", what);
	else
		say("%s: killed %s\n", what, signal_name(WTERMSIG(status)));
}

long must(const char *what, long value)
{
	if (value == -1) {
		say("case: %s: %s\n", what, error_name(errno));
		_exit(97);
	}
	return value;
}

pid_t start_child(void (*body)(void *), void *argument)
{
	pid_t pid = must("fork", fork());

	if (pid == 0) {
		body(argument);
		_exit(0);
	}
	return pid;
}

void finish_child(const char *what, pid_t pid)
{
	int status = 0;

	if (must("waitpid", waitpid(pid, &status, 0)) == pid)
		say_status(what, status);
}

void in_child(const char *what, void (*body)(void *), void *argument)
{
	finish_child(what, start_child(body, argument));
}

struct user_body {
	void (*body)(void *);
	void *argument;
};

static void drop_rights(void *argument)
{
	struct user_body *user = argument;

	must("setgid", setgid(CASE_USER));
	must("setuid", setuid(CASE_USER));
	user->body(user->argument);
}

void as_user(const char *what, void (*body)(void *), void *argument)
{
	struct user_body user = {body, argument};

	in_child(what, drop_rights, &user);
}

void exit_with(void *argument)
{
	_exit(*(int *)argument);
}

void die_of(void *argument)
{
	signal(*(int *)argument, SIG_DFL);
	raise(*(int *)argument);
}

void wait_for_ever(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

void end_at_once(void *argument)
{
	(void)argument;
}

pthread_t start_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, argument);

	if (error) {
		say_error("pthread_create", error);
		_exit(97);
	}
	return thread;
}

void wait_until(const int *value, int wanted)
{
	while (__atomic_load_n(value, __ATOMIC_SEQ_CST) < wanted)
		sched_yield();
}

void write_file(const char *path, const char *text)
{
	int fd = must(path, open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	must("write", write(fd, text, strlen(text)));
	close(fd);
}

void say_bytes(const char *what, const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;
	char text[1024];
	size_t length = 0;

	for (size_t i = 0; i < size && length < sizeof(text) - 4; i++)
		if (byte[i] < ' ' || byte[i] > '~' || byte[i] == '"' || byte[i] == '\\')
			length += sprintf(text + length, "\\%02x", byte[i]);
		else
			text[length++] = byte[i];
	say("%s: \"%.*s\"\n", what, (int)length, text);
}

void say_file(const char *path)
{
	char text[512];
	int fd = open(path, O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (size < 0) {
		say("%s: %s\n", path, error_name(errno));
	} else {
		text[size] = '\0';
		say("%s: \"%s\"\n", path, text);
	}
	if (fd >= 0)
		close(fd);
}

void sleep_ms(long milliseconds)
{
	struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

long elapsed_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

void set_timer(int which, long microseconds, long interval)
{
	struct itimerval timer = {{0, interval}, {0, microseconds}};

	must("setitimer", setitimer(which, &timer, NULL));
}

void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	must("sigaction", sigaction(signal, &action, NULL));
}

void handle_info(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};

	must("sigaction", sigaction(signal, &action, NULL));
}

void block(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	must("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
}

void unblock(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	must("sigprocmask", sigprocmask(SIG_UNBLOCK, &set, NULL));
}

static sigjmp_buf probe_return;
static char probe_text[64];
static const volatile void *probe_address;

static void probe_fault(int number, siginfo_t *info, void *context)
{
	const char *code = info->si_code == 1           ? (number == SIGBUS ? "adraln" : "maperr")
	                   : info->si_code == 2         ? (number == SIGBUS ? "adrerr" : "accerr")
	                   : info->si_code == SI_KERNEL ? "kernel"
	                                                : "other";

	(void)context;
	snprintf(probe_text, sizeof(probe_text), "%s %s%s", signal_name(number), code,
	         info->si_addr == probe_address ? "" : " elsewhere");
	siglongjmp(probe_return, 1);
}

enum probe { PROBE_READ, PROBE_WRITE, PROBE_CALL };

static const char *probe(const volatile void *address, enum probe kind)
{
	struct sigaction action = {.sa_sigaction = probe_fault, .sa_flags = SA_SIGINFO}, segv, bus;

	probe_address = address;
	sigaction(SIGSEGV, &action, &segv);
	sigaction(SIGBUS, &action, &bus);
	strcpy(probe_text, "fine");
	if (!sigsetjmp(probe_return, 1)) {
		if (kind == PROBE_READ)
			(void)*(const volatile char *)address;
		else if (kind == PROBE_WRITE)
			*(volatile char *)address = 'w';
		else
			((void (*)(void))address)();
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return probe_text;
}

const char *try_read(const volatile void *address)
{
	return probe(address, PROBE_READ);
}

const char *try_write(volatile void *address)
{
	return probe(address, PROBE_WRITE);
}

const char *try_call(const void *address)
{
	return probe(address, PROBE_CALL);
}
