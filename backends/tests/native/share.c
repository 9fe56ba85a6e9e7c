/*
 * share CASE: processes that share the library keeper, and the broker that lets them. Prints "ok CLAIM" or
 * "not ok CLAIM", a line each.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "portcullis/portcullis.h"
#include "slow.h"

#define SECONDS_MAX   5
#define WORDS_SIZE    70 /* in front of argv[0]: the broker's name and secret, as the runtime was told them */
#define SECRET_SIZE   33
#define REQUEST_MAX   1024
#define DESCRIPTORS   1024
#define CHILDREN_MANY 200

static bool failed;

static void claim(bool holds, const char *text)
{
	printf("%s %s on %s\n", holds ? "ok" : "not ok", text, portcullis_backend());
	fflush(stdout);
	failed |= !holds;
}

/* The library runs in another process, which a client's end does not touch. */
static bool has_server(void)
{
	return !strcmp(portcullis_backend(), "process");
}

static void attach(const char *name)
{
	if (portcullis_attach(name, PORTCULLIS_SHARED)) {
		printf("not ok attach: %s\n", portcullis_error());
		exit(1);
	}
}

static int *shared_words(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Waits until *word is not 0. False: it takes too long. */
static bool wait_for(const volatile int *word)
{
	time_t end = time(NULL) + SECONDS_MAX;

	while (!*word && time(NULL) <= end)
		sched_yield();
	return *word;
}

/* A client that is inside the library, and stays there. */
static pid_t stay_inside(int *words)
{
	pid_t child = fork();

	if (child == 0) {
		keeper_stay(&words[0], &words[1]);
		_exit(0);
	}
	claim(wait_for(&words[0]), "a client is inside");
	return child;
}

static void case_killed(void)
{
	int *words = shared_words();
	time_t end = time(NULL) + SECONDS_MAX;
	const char *why;
	long value;
	pid_t child;

	attach("keeper");
	keeper_put(5);
	child = stay_inside(words);
	claim(keeper_get() == 5, "another one calls meanwhile");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (has_server()) {
		claim(keeper_get() == 5 && !portcullis_failure("keeper"),
		      "a client is killed while the server works for it: others go on");
		return;
	}
	while ((value = keeper_get()) != PORTCULLIS_FAILED && time(NULL) <= end)
		sched_yield();
	claim(value == PORTCULLIS_FAILED, "a client is killed inside: others get an error");
	why = portcullis_failure("keeper");
	claim(why && !strcmp(why, "a process was killed inside"), "and are told why");
	portcullis_detach("keeper");
	attach("keeper");
	claim(keeper_get() == 0, "who attaches again has a fresh library");
	claim(!portcullis_failure("keeper"), "that has not failed");
}

/* On `none` nobody knows who is inside. */
static void case_outside(void)
{
	int *words = shared_words();
	pid_t child = fork();

	if (child == 0) {
		attach("keeper");
		keeper_put(6);
		words[0] = 1;
		for (;;)
			pause();
	}
	claim(wait_for(&words[0]), "a client is outside");
	attach("keeper");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	claim(keeper_get() == 6, "it is killed there: others go on");
	for (int i = 0; i < CHILDREN_MANY; i++) {
		child = fork();
		if (child == 0) {
			portcullis_detach("keeper");
			attach("keeper");
			_exit(keeper_get() != 6);
		}
		waitpid(child, words, 0);
		failed |= *words != 0;
	}
	claim(!failed, "many come and go, by fork and by themselves");
}

static void case_closed(void)
{
	for (int i = 3; i < DESCRIPTORS; i++)
		close(i);
	attach("keeper");
	claim(open("/dev/null", O_RDONLY) == 3, "attaching leaves no descriptor behind");
	keeper_put(1);
	claim(keeper_get() == 1, "who has closed all descriptors attaches");
}

/* A private library's state goes to a child as a copy. */
static void case_copied(void)
{
	int status = -1;
	pid_t child;

	if (portcullis_attach("keeper", PORTCULLIS_PRIVATE))
		exit(1);
	keeper_put(8);
	child = fork();
	if (child == 0) {
		status = keeper_get() != 8;
		keeper_put(9);
		_exit(status || keeper_get() != 9 || portcullis_detach("keeper"));
	}
	waitpid(child, &status, 0);
	claim(status == 0, "a child has a copy of a private library, and leaves it");
	claim(keeper_get() == 8, "its parent's stays as it is");
}

static int connect_to_broker(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int to = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	if (connect(to, (struct sockaddr *)&address,
	            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name))))
		return -1;
	return to;
}

/* Any request, of any size, without the secret. */
static void case_impostor(char **argv)
{
	const char *name = memmem(argv[0] - WORDS_SIZE, WORDS_SIZE, "portcullis-", 11);
	const char *told = argv[0] - SECRET_SIZE;
	char request[REQUEST_MAX] = "", answer[REQUEST_MAX];
	unsigned answered = 0, refused = 0;
	int to;

	attach("keeper");
	claim(name && name + strlen(name) + 1 == told, "a program finds the name of the broker's socket");
	claim(!told[0] && !memcmp(told, told + 1, SECRET_SIZE - 1), "but not the secret behind it");
	for (int size = 1; name && size <= REQUEST_MAX; size++) {
		to = connect_to_broker(name);
		if (to < 0 || send(to, request, (size_t)size, MSG_NOSIGNAL) != size)
			refused++;
		answered += recv(to, answer, sizeof(answer), 0) > 0;
		close(to);
	}
	claim(!refused, "the program itself talks to the broker");
	claim(!answered, "and gets no answer without the secret");
	for (int i = 0; name && i < DESCRIPTORS / 2; i++)
		connect_to_broker(name);
	portcullis_detach("keeper");
	attach("keeper");
	claim(true, "who only connects, often, is in nobody's way");
}

static pid_t start_slowly(void)
{
	pid_t child = fork();

	if (child == 0) {
		attach("slow");
		_exit(slow_value() != 17);
	}
	return child;
}

static void case_starting(void)
{
	time_t end = time(NULL) + SECONDS_MAX;
	pid_t first, second;
	int status = -1;

	close(open(SLOW_WAIT, O_CREAT | O_WRONLY, 0666));
	first = start_slowly();
	while (access(SLOW_THERE, F_OK) && time(NULL) <= end)
		sched_yield();
	claim(access(SLOW_THERE, F_OK) == 0, "a client initialises the library");
	unlink(SLOW_THERE);
	second = start_slowly();
	usleep(100000);
	claim(waitpid(second, &status, WNOHANG) == 0, "another one waits for it");
	kill(first, SIGKILL);
	waitpid(first, NULL, 0);
	while (!has_server() && access(SLOW_THERE, F_OK) && time(NULL) <= end)
		sched_yield();
	if (!has_server())
		claim(access(SLOW_THERE, F_OK) == 0, "the first is killed: the other one does it");
	unlink(SLOW_WAIT);
	claim(waitpid(second, &status, 0) == second && status == 0, "and is attached");
	unlink(SLOW_THERE);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} cases[] = {{"killed", case_killed},
	             {"outside", case_outside},
	             {"closed", case_closed},
	             {"copied", case_copied},
	             {"starting", case_starting}};

	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name))
			cases[i].function();
	if (argc == 2 && !strcmp(argv[1], "impostor"))
		case_impostor(argv);
	return failed;
}
