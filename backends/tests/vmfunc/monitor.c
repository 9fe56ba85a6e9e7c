/*
 * The VMX monitor and its views as programs meet them: monitor CASE [NUMBER].
 *
 * A case prints "NAME VALUE" lines, which vmfunc.py judges, and exits with 0; or prints why it could not go
 * on.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"

#define PAGE 4096L
#define MIB  (1L << 20)

static _Noreturn void give_up(const char *what, const char *why)
{
	printf("monitor: %s: %s\n", what, why);
	exit(1);
}

static void report(const char *name, long value)
{
	printf("%s %ld\n", name, value);
	fflush(stdout);
}

static void attach(void)
{
	if (portcullis_attach("ledger", PORTCULLIS_PRIVATE))
		give_up("attach", portcullis_error());
}

static pthread_t start(void *(*function)(void *), long argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, function, (void *)argument);

	if (error)
		give_up("pthread_create", strerror(error));
	return thread;
}

/* ---- faults: each thread learns of its own ---- */

static __thread sigjmp_buf after_fault;
static __thread void *fault_address;
static __thread int fault_thread;
static char *secret;

static void take_fault(int number, siginfo_t *information, void *context)
{
	(void)number, (void)context;
	fault_address = information->si_addr;
	fault_thread = gettid();
	siglongjmp(after_fault, 1);
}

static void read_at(const volatile char *address)
{
	fault_address = NULL;
	if (!sigsetjmp(after_fault, 1))
		(void)*address;
}

/* How many of the library's pages that this thread reads raise a fault at their own address, in this thread.
 */
static void *read_secret(void *first_page)
{
	long right = 0;

	for (long page = (long)first_page; page < 64; page += 2) {
		char *address = secret + page * PAGE + 8 * page;

		read_at(address);
		right += fault_address == address && fault_thread == gettid();
	}
	return (void *)right;
}

static void case_faults(long unused)
{
	struct sigaction action = {.sa_sigaction = take_fault, .sa_flags = SA_SIGINFO};
	pthread_t other;
	void *right;

	(void)unused;
	attach();
	secret = ledger_fill(MIB);
	sigaction(SIGSEGV, &action, NULL);
	other = start(read_secret, 1);
	report("first", (long)read_secret((void *)0));
	pthread_join(other, &right);
	report("second", (long)right);
}

/* The library reads what another domain keeps to itself: a fault of the library's view. */
static long attach_copy(long number, unsigned long slots[]);

static void case_library_fault(long unused)
{
	unsigned long slots[8];
	long *other;

	(void)unused;
	attach();
	if (attach_copy(0, slots) < 0)
		give_up("attach", "a second ledger");
	other = ((void *(*)(size_t))slots[1])(PAGE);
	printf("address %lx\n", (unsigned long)other);
	fflush(stdout);
	report("read", ledger_read(other));
}

/* ---- entrances under interrupts ---- */

static volatile bool done;
static volatile long ticks, turns;

static void count_tick(int number)
{
	(void)number;
	ticks++;
}

static void *spin(void *unused)
{
	(void)unused;
	while (!done)
		turns++;
	return NULL;
}

static void case_entrances(long count)
{
	static const struct itimerval every = {{0, 1000}, {0, 1000}};
	struct sigaction action = {.sa_handler = count_tick, .sa_flags = SA_RESTART};
	long sum = 0;
	pthread_t rival;

	attach();
	rival = start(spin, 0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (long i = 0; i < count; i++)
		sum += ledger_add(1) == i + 1;
	done = true;
	pthread_join(rival, NULL);
	report("right", sum);
	report("signals", ticks);
	report("rival", turns);
}

/* ---- what it costs ---- */

static long free_memory(void)
{
	struct sysinfo information;

	sysinfo(&information);
	return (long)information.freeram * (long)information.mem_unit;
}

static void case_boot(long unused)
{
	(void)unused;
	report("ticks", (long)__builtin_ia32_rdtsc());
}

static void case_large(long size)
{
	long memory = free_memory(), start = (long)__builtin_ia32_rdtsc();

	attach();
	if (!ledger_fill((size_t)(size * MIB)))
		give_up("ledger_fill", "no memory");
	report("ticks", (long)__builtin_ia32_rdtsc() - start);
	report("memory", memory - free_memory());
}

/* ---- many domains: copies of the image under names of their own ---- */

static long attach_copy(long number, unsigned long slots[])
{
	extern const struct portcullis_stubs stubs[] __asm__(
	        "__start_portcullis_stubs"); /* of the one library */
	char path[64];

	snprintf(path, sizeof(path), "/lib/many/%ld.image", number);
	return portcullis_system_call(PORTCULLIS_SYS_ATTACH, (long)path, PORTCULLIS_PRIVATE,
	                              (long)stubs->interface, (long)slots, stubs->count, 0);
}

/* How many of `count` domains of this process keep their own sums. */
static long attach_many(long count)
{
	static unsigned long slots[96][8];
	long right = 0, attached = 0;

	while (attached < count && attach_copy(attached, slots[attached]) >= 0)
		attached++;
	for (long round = 1; round <= 2; round++)
		for (long i = 0; i < attached; i++)
			right += ((long (*)(long))slots[i][0])(i) == round * i;
	return right / 2;
}

static void case_many(long count)
{
	report("right", attach_many(count));
}

/* As many in the whole system, 50 in each process: all are there before the first process ends. */
static void case_system(long count)
{
	enum { EACH = 50 };
	int ready[2], go[2], right;
	long total = 0;
	char byte;

	if (pipe(ready) || pipe(go))
		give_up("pipe", strerror(errno));
	for (long i = 0; i < count / EACH; i++) {
		if (fork())
			continue;
		close(go[1]);
		right = (int)attach_many(EACH);
		(void)!write(ready[1], &right, sizeof(right));
		(void)!read(go[0], &byte, 1);
		_exit(0);
	}
	for (long i = 0; i < count / EACH; i++)
		total += read(ready[0], &right, sizeof(right)) == sizeof(right) ? right : 0;
	report("right", total);
	close(go[1]);
	while (wait(NULL) > 0)
		;
}

/* ---- preemption: a rival with a domain of its own takes the CPU at every point of an entrance ---- */

#define PAUSE   10000   /* ticks that the rival sleeps */
#define SLICE   1000000 /* ticks until it has the CPU then: 10 ms on Bochs (guest/proc/sched.h) */
#define EARLIER 3000    /* ticks before that the entrances begin */
#define PHASES  128     /* more ticks than one round of them */

static unsigned long rival_slots[8];
static volatile unsigned long slept, called; /* TSC */
static volatile long rounds, wrong;
static volatile bool phases[PHASES];

static void *interfere(void *count)
{
	long (*add)(long) = (long (*)(long))rival_slots[0];

	for (long i = 0; i < (long)count; i++) {
		struct timespec pause = {0, 10 * (PAUSE + i)};

		slept = __builtin_ia32_rdtsc();
		nanosleep(&pause, NULL);
		phases[(__builtin_ia32_rdtsc() - called) % PHASES] = true;
		wrong += add(3) != 3 * (i + 1);
		rounds++;
	}
	done = true;
	return NULL;
}

static void case_preempted(long count)
{
	long calls = 0, different = 0;
	pthread_t rival;

	attach();
	if (attach_copy(0, rival_slots) < 0)
		give_up("attach", "a second ledger");
	slept = __builtin_ia32_rdtsc();
	rival = start(interfere, count);
	while (!done) {
		called = __builtin_ia32_rdtsc();
		if (called - slept > PAUSE + SLICE - EARLIER)
			wrong += ledger_add(1) != ++calls;
	}
	pthread_join(rival, NULL);
	for (unsigned i = 0; i < PHASES; i++)
		different += phases[i];
	report("rounds", rounds);
	report("wrong", wrong);
	report("phases", different);
	report("calls", calls);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(long number);
	} cases[] = {
	        {"faults", case_faults},       {"library-fault", case_library_fault},
	        {"entrances", case_entrances}, {"boot", case_boot},
	        {"large", case_large},         {"many", case_many},
	        {"system", case_system},       {"preempted", case_preempted},
	};

	for (unsigned i = 0; argc > 1 && i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name))
			continue;
		cases[i].run(argc > 2 ? strtol(argv[2], NULL, 10) : 0);
		return 0;
	}
	fprintf(stderr,
	        "usage: monitor faults|library-fault|entrances|boot|large|many|system|preempted [NUMBER]\n");
	return 2;
}
