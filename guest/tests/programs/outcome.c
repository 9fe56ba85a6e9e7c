/*
 * outcome HOW [ARGUMENT...]: ends, or does not end, in the way that HOW names. What the plan's tests run.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNMAPPED_ADDRESS 0x123456789000UL /* no mapping of this program lies there */
#define HOG_STEP         (1UL << 20)

extern char **environ;

static int volatile zero;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "outcome: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Not static, not inlined: the symbol that the outcome must name. */
__attribute__((noinline)) void crash_here(void)
{
	*(int volatile *)UNMAPPED_ADDRESS = 1;
}

static int exit_with(char **arguments)
{
	return atoi(arguments[0]);
}

static int crash(char **arguments)
{
	(void)arguments;
	crash_here();
	return 0;
}

static int jump_away(char **arguments)
{
	(void)arguments;
	((void (*)(void))UNMAPPED_ADDRESS)();
	return 0;
}

static int divide(char **arguments)
{
	(void)arguments;
	return 100 / zero;
}

static int illegal(char **arguments)
{
	(void)arguments;
	__asm__ volatile("ud2");
	return 0;
}

static int abort_now(char **arguments)
{
	(void)arguments;
	abort();
}

static int raise_signal(char **arguments)
{
	kill(getpid(), atoi(arguments[0]));
	return 0;
}

static int overflow_stack(char **arguments)
{
	char volatile page[8192];

	page[0] = 1;
	return zero ? 0 : overflow_stack(arguments) + page[0];
}

static int spin(char **arguments)
{
	(void)arguments;
	while (!zero)
		;
	return 0;
}

/* Waits for a byte that nobody can write: this process holds the only writing end. */
static int wait_for_ever(char **arguments)
{
	int ends[2];
	char byte;

	(void)arguments;
	if (pipe(ends) < 0)
		fail("pipe");
	return read(ends[0], &byte, 1) == 1;
}

static void *lock_mutex(void *argument)
{
	pthread_mutex_lock(argument);
	return NULL;
}

static int deadlock(char **arguments)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;

	(void)arguments;
	pthread_mutex_lock(&mutex);
	if (pthread_create(&thread, NULL, lock_mutex, &mutex))
		fail("pthread_create");
	return pthread_join(thread, NULL);
}

static int hog(char **arguments)
{
	(void)arguments;
	for (;;) {
		char *memory =
		        mmap(NULL, HOG_STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			fail("mmap");
		memset(memory, 1, HOG_STEP);
	}
}

/* Leaves a child behind that would never end. */
static int leave_child(char **arguments)
{
	if (!fork())
		spin(arguments);
	return 0;
}

static int crash_child(char **arguments)
{
	int status;
	pid_t child = fork();

	if (!child)
		crash(arguments);
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 0 : 1;
}

static int show(char **arguments)
{
	char directory[256], input[64];
	ssize_t length;

	for (; *arguments; arguments++)
		printf("argument <%s>\n", *arguments);
	for (char **variable = environ; *variable; variable++)
		printf("variable <%s>\n", *variable);
	length = read(0, input, sizeof(input) - 1);
	input[length < 0 ? 0 : length] = '\0';
	printf("directory <%s>\nuser <%d>\ninput <%s>\n", getcwd(directory, sizeof(directory)), (int)getuid(),
	       input);
	return 0;
}

static int record(char **arguments)
{
	int records = open("/dev/records", O_WRONLY);

	if (records < 0)
		fail("/dev/records");
	for (; *arguments; arguments++)
		if (dprintf(records, "%s\n", *arguments) < 0)
			fail("write");
	return 0;
}

/* A million additions: user time and no system time to speak of. */
static int compute(char **arguments)
{
	uint64_t volatile sum = 0;

	(void)arguments;
	for (unsigned i = 0; i < 1000000; i++)
		sum += i;
	return 0;
}

static int call_kernel(char **arguments)
{
	(void)arguments;
	for (unsigned i = 0; i < 10000; i++)
		if (lseek(-1, 0, SEEK_SET) != -1)
			return 1;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(char **arguments);
} table[] = {
        {"exit", exit_with},
        {"crash", crash},
        {"jump", jump_away},
        {"divide", divide},
        {"illegal", illegal},
        {"abort", abort_now},
        {"raise", raise_signal},
        {"overflow", overflow_stack},
        {"spin", spin},
        {"wait", wait_for_ever},
        {"deadlock", deadlock},
        {"hog", hog},
        {"leave-child", leave_child},
        {"crash-child", crash_child},
        {"show", show},
        {"record", record},
        {"compute", compute},
        {"call-kernel", call_kernel},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(argv[1], table[i].name))
			return table[i].run(argv + 2);
	fprintf(stderr, "outcome: no such outcome\n");
	return 2;
}
