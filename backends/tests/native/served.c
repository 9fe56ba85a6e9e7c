/*
 * served CASE: a client of backend `process` that does not keep to the rules, and clients of a server that
 * dies. Prints "ok CLAIM" or "not ok CLAIM", a line each.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "native/channel.h"
#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"

#define SECRET        0x5ec2e7
#define SECONDS_MAX   5
#define THREADS       40 /* more than slots */
#define CALLS         200
#define PROCESSES_MAX 1000

static bool failed;
static int inside, stop;

static void claim(bool holds, const char *text)
{
	printf("%s %s\n", holds ? "ok" : "not ok", text);
	fflush(stdout);
	failed |= !holds;
}

static void attach(unsigned flags)
{
	if (portcullis_attach("keeper", flags)) {
		printf("not ok attach: %s\n", portcullis_error());
		exit(1);
	}
	keeper_put(SECRET);
}

static uint64_t base(void)
{
	extern struct portcullis_stubs start[] __asm__("__start_portcullis_stubs");

	return start->slots[0] & ~(uint64_t)(PORTCULLIS_DOMAIN_SIZE - 1);
}

static struct channel_slot *slot_at(unsigned number)
{
	return &((struct channel *)(base() + PORTCULLIS_GATE_DATA_OFFSET))->slots[number];
}

/* Sets the state, wakes whoever waits, and waits until it is no more. The new one. */
static uint32_t change(struct channel_slot *slot, uint32_t state)
{
	time_t end = time(NULL) + SECONDS_MAX;

	__atomic_store_n(&slot->state, state, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &slot->state, FUTEX_WAKE, 8, NULL, NULL, 0);
	while (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == state && time(NULL) <= end)
		sched_yield();
	return slot->state;
}

/* ---- cases ---- */

static void case_forged(void)
{
	static const uint32_t indices[] = {5, 1023, 0x7fffffff, 0x80000005, 0xffffffff};
	unsigned wrong = 0;

	attach(PORTCULLIS_PRIVATE);
	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++)
		for (unsigned number = 0; number < BROKER_SLOTS; number++) {
			slot_at(number)->index = indices[i];
			slot_at(number)->registers.arguments[0] = ~0UL;
			wrong += change(slot_at(number), CHANNEL_REQUEST) != CHANNEL_DONE ||
			         slot_at(number)->result != (uint64_t)-ENOSYS;
		}
	claim(!wrong, "a call with an index out of range is none");
	for (unsigned number = 0; number < BROKER_SLOTS; number++)
		memset(slot_at(number), 0xff, sizeof(struct channel_slot));
	claim(keeper_get() == SECRET, "a client that writes all over its channel can go on");
}

static void *stay(void *unused)
{
	(void)unused;
	keeper_stay(&inside, &stop);
	return NULL;
}

/* The runtime waits for the server: it must not do for the application what that may not do by itself. */
static void case_deputy(void)
{
	const uint64_t gate = (attach(PORTCULLIS_PRIVATE), base());
	const struct {
		uint32_t call;
		uint64_t words[6];
		const char *text;
	} calls[] = {
	        {SYS_munmap, {gate, PORTCULLIS_PAGE_SIZE}, "unmap a gate"},
	        {SYS_munmap, {NATIVE_TEXT, PORTCULLIS_PAGE_SIZE}, "unmap the runtime"},
	        {SYS_munmap,
	         {PORTCULLIS_APPLICATION_END - PORTCULLIS_PAGE_SIZE, 1UL << 43},
	         "unmap all domains"},
	        {SYS_munmap,
	         {PORTCULLIS_DOMAINS_END, -1UL << 12},
	         "unmap what lies behind the end of memory"},
	        {SYS_mmap, {0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS}, "map memory that can be executed"},
	        {SYS_mmap, {gate, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED}, "map over a gate"},
	        {SYS_mprotect, {gate, 4096, 7}, "make a gate writable"},
	};
	struct channel_slot *slot;
	pthread_t thread;
	unsigned number = 0;
	uint64_t result;
	char text[96];

	pthread_create(&thread, NULL, stay, NULL);
	while (!*(volatile int *)&inside)
		sched_yield();
	while (slot_at(number)->state != CHANNEL_REQUEST)
		number++;
	slot = slot_at(number);
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		slot->call = calls[i].call;
		memcpy(slot->registers.arguments, calls[i].words, sizeof(calls[i].words));
		slot->result = 0;
		change(slot, CHANNEL_CALL);
		result = slot->result;
		snprintf(text, sizeof(text), "the runtime does not %s for a program that writes its channel",
		         calls[i].text);
		claim(slot->state == CHANNEL_ANSWER && result == (uint64_t)-EPERM, text);
	}
	stop = 1;
	pthread_join(thread, NULL);
	claim(keeper_get() == SECRET, "the library works");
}

static void case_pointers(void)
{
	int zero = 0, one = 1;

	attach(PORTCULLIS_PRIVATE);
	claim(keeper_stay(&zero, &one) == 0 && zero == 1,
	      "arguments are read and written where the caller has them");
	claim(keeper_stay((int *)8, &one) == -EFAULT, "where it has none, that is an error");
	claim(keeper_stay((int *)keeper_address(), &one) == -EFAULT, "so is an address of the domain");
	claim(keeper_stay((int *)NATIVE_TEXT, &one) == -EFAULT, "and one of the runtime");
	claim(keeper_get() == SECRET, "nothing has been written there");
}

static void *call_often(void *wrong)
{
	for (int i = 0; i < CALLS; i++)
		*(unsigned *)wrong += keeper_get() != SECRET;
	return NULL;
}

static void case_threads(void)
{
	pthread_t threads[THREADS];
	unsigned wrong[THREADS] = {0}, sum = 0;

	attach(PORTCULLIS_PRIVATE);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, call_often, &wrong[i]);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += wrong[i];
	}
	claim(!sum, "more threads than slots call, and take turns");
}

static void case_crashed(void)
{
	int *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), status = -1;
	const char *why;
	pid_t child;

	attach(PORTCULLIS_SHARED);
	child = fork();
	if (child == 0)
		_exit(keeper_stay(&words[0], &words[1]) != PORTCULLIS_FAILED ||
		      keeper_get() != PORTCULLIS_FAILED);
	while (!*(volatile int *)words)
		sched_yield();
	keeper_crash();
	claim(keeper_get() == PORTCULLIS_FAILED,
	      "the library crashes: its server is gone, and calls return an error");
	waitpid(child, &status, 0);
	claim(status == 0, "a client that waits inside gets it, too");
	why = portcullis_failure("keeper");
	claim(why && !strcmp(why, "its server was ended by signal 4 (Illegal instruction)"),
	      "and all are told why");
	portcullis_detach("keeper");
	attach(PORTCULLIS_SHARED);
	claim(keeper_get() == SECRET && !portcullis_failure("keeper"), "who attaches again has a new server");
}

static void case_out_of_sight(void)
{
	unsigned others = 0;

	attach(PORTCULLIS_SHARED);
	for (pid_t process = 2; process < PROCESSES_MAX; process++)
		others += process != getpid() && kill(process, 0) == 0;
	claim(!others, "no server is among the processes that a program can name");
	kill(-1, SIGKILL);
	claim(keeper_get() == SECRET, "the library survives the end of all others");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(void);
	} cases[] = {{"crashed", case_crashed}, {"forged", case_forged},
	             {"deputy", case_deputy},   {"pointers", case_pointers},
	             {"threads", case_threads}, {"out-of-sight", case_out_of_sight}};

	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(argv[1], cases[i].name))
			cases[i].function();
	return failed;
}
