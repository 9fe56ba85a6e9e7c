/* Threads inside libraries: limits, system calls, signals. */
#include "case.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chain.h"
#include "subject.h"

#define THREADS     4
#define ADDITIONS   500
#define SIGNALS     200
#define LATE_YIELDS 1000000 /* until a signal that has not come is taken for lost */
#define STACK_DEPTH 100 /* frames of 1 KiB on a stack of 16 KiB */

/* ---- what is full, and what there is not ---- */

void case_heap(void)
{
	void *memory, *last = NULL;
	long count = 0;

	attach("subject", PORTCULLIS_PRIVATE);
	attach("chain9", PORTCULLIS_PRIVATE);
	for (; (memory = subject_allocate(1000)); count++)
		last = memory;
	claim(count > 200 && count < 262, "a heap of 256 KiB holds its blocks, then there is no more",
	      "%ld blocks of 1000 bytes", count);
	claim_equal(subject_release(last), 0, "one is released");
	claim(subject_allocate(1000) == last, "then there is room for one", "none");
	claim_equal(subject_add(1), 1, "the library still works");
}

static void recurse(void *unused)
{
	(void)unused;
	claim_equal(subject_recurse(STACK_DEPTH), PORTCULLIS_FAILED, "a call that overflows its stack returns an error");
	claim_equal(subject_recurse(10), PORTCULLIS_FAILED, "so does the next one");
}

void case_stack(void)
{
	attach("subject", PORTCULLIS_PRIVATE);
	claim_equal(subject_recurse(10), 10, "the stack holds ten frames");
	if (!backend_protects())
		return; /* the application's stack is larger */
	claim_equal(in_child(recurse, NULL), CHILD_OK, "the process goes on");
	claim_equal(subject_recurse(10), 10, "another process goes on");
}

/* Enters a gate as its thunks do. RDI: the gate's first instruction, RSI: the index. */
static __attribute__((naked)) long enter(uint64_t gate, uint64_t index)
{
	__asm__("mov %esi, %eax\n\tjmp *%rdi");
	(void)gate, (void)index;
}

static uint64_t gate_of_subject(void)
{
	return stubs_of("subject")->slots[0] & ~(PORTCULLIS_DOMAIN_SIZE - 1);
}

static void enter_wrongly(void *index)
{
	claim_equal(enter(gate_of_subject(), *(uint64_t *)index), -ENOSYS,
	            "an index out of range is no call");
}

void case_index(void)
{
	uint64_t indices[] = {stubs_of("subject")->count, 0xffff, 0x10000, (uint64_t)-1};

	attach("subject", PORTCULLIS_SHARED);
	claim_equal(enter(gate_of_subject(), 0), 1, "index 0 is a call");
	for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		int status = in_child(enter_wrongly, &indices[i]);

		if (gates_are_user_code())
			claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGILL,
			      "an index out of range ends the process", "index %lx: status %#x", indices[i],
			      status);
	}
	claim_equal(subject_add(1), 1, "the domain still works for others");
}

/* ---- detaching while inside ---- */

static int ready[2], go[2];

static void *wait_inside(void *result)
{
	*(long *)result = subject_wait(ready[1], go[0]);
	return NULL;
}

static void *wait_in_chain(void *result)
{
	*(long *)result = chain7_descend(0, NULL, ready[1], go[0]);
	return NULL;
}

static void start(pthread_t *thread, void *(*function)(void *), long *result)
{
	char byte;

	if (pthread_create(thread, NULL, function, result))
		claim(false, "pthread_create", "failed");
	read(ready[0], &byte, 1);
}

static void finish(pthread_t thread)
{
	write(go[1], "", 1);
	pthread_join(thread, NULL);
}

void case_busy(void)
{
	static const char sentence[] = "a thread of this process is inside";
	pthread_t thread;
	long result, spurious = 0;

	if (pipe(ready) || pipe(go))
		return;
	attach("subject", PORTCULLIS_PRIVATE);
	start(&thread, wait_inside, &result);
	claim_refused(portcullis_detach("subject"), EBUSY, sentence, "detaching while a thread is inside");
	claim_equal(subject_add(1), 1, "the library works meanwhile");
	finish(thread);
	claim_equal(result, 1, "the thread inside is not disturbed");
	claim(portcullis_detach("subject") == 0, "now it can be left", "%s", portcullis_error());

	for (int i = 0; i < 50; i++) {
		attach("subject", PORTCULLIS_PRIVATE);
		subject_add_slowly(); /* may be preempted inside */
		spurious += portcullis_detach("subject") != 0;
	}
	claim_equal(spurious, 0, "a thread that has been inside is not taken for one that is");

	attach("chain7", PORTCULLIS_PRIVATE);
	start(&thread, wait_in_chain, &result);
	if (backend_protects())
		claim_refused(portcullis_detach("chain7"), EBUSY, sentence,
		              "detaching while a thread waits for a nested call");
	finish(thread);
	claim_equal(result, 3, "the nested call is not disturbed");
	claim(portcullis_detach("chain7") == 0, "now that can be left", "%s", portcullis_error());
}

/* ---- threads ---- */

static void *add_slowly(void *unused)
{
	for (int i = 0; i < ADDITIONS; i++)
		subject_add_slowly();
	return unused;
}

void case_threads(void)
{
	pthread_t threads[THREADS], waiting[THREADS];
	long results[THREADS], right = 0;

	if (pipe(ready) || pipe(go))
		return;
	attach("subject", PORTCULLIS_PRIVATE);
	for (int i = 0; i < THREADS; i++)
		start(&waiting[i], wait_inside, &results[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, add_slowly, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	claim_equal(subject_add(0), THREADS * ADDITIONS,
	            "threads inside at once exclude each other by a lock");
	for (int i = 0; i < THREADS; i++)
		write(go[1], "", 1);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(waiting[i], NULL);
		right += results[i] == 1;
	}
	claim_equal(right, THREADS, "others have slept inside and return");
}

/* ---- system calls ---- */

void case_system_calls(void)
{
	char text[6] = "";

	if (pipe(ready))
		return;
	attach("subject", PORTCULLIS_PRIVATE);
	claim_equal(subject_getpid(), getpid(), "a library asks who it is");
	claim_equal(subject_write(ready[1], "hello", 6), 6, "a library writes to a file descriptor");
	claim(read(ready[0], text, 6) == 6 && !strcmp(text, "hello"), "from its own memory", "\"%.6s\"",
	      text);
	claim_equal(subject_write(-1, "hello", 6), -EBADF, "a failed call returns its error");
	claim_equal(subject_write(ready[1], (char *)8, 6), -EFAULT,
	            "an argument that is not mapped does not");
	claim_equal(subject_write(1000, mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 6),
	            -EBADF, "a page that the library is the first to touch");
}

/* ---- signals ---- */

static int seen;

static void count(int number)
{
	(void)number;
	seen++;
}

static void catch (int number)
{
	struct sigaction action = {.sa_handler = count};

	sigaction(number, &action, NULL);
}

static void signal_and_add(void *unused)
{
	(void)unused;
	subject_signal_and_add(SIGTERM);
}

void case_signals(void)
{
	long inside = 0, lost = 0;
	int status;

	if (pipe(ready))
		return;
	attach("subject", PORTCULLIS_SHARED);
	catch (SIGUSR1);
	catch (SIGALRM);
	for (int i = 0; i < SIGNALS; i++) {
		seen = 0;
		inside += subject_signal(SIGUSR1, &seen) != 0;
		lost += seen != 1;
	}
	if (backend_protects())
		claim_equal(inside, 0, "no signal is delivered inside the library");
	claim_equal(lost, 0, "each is delivered once");
	seen = 0;
	inside = subject_work_until_timer(2000, &seen);
	if (backend_protects())
		claim_equal(inside, 0, "a timer that expires inside waits for the end of the call");
	/* Where the clock is the host's, the call may end before the timer's interrupt comes. */
	for (int i = 0; !seen && i < LATE_YIELDS; i++)
		sched_yield();
	claim_equal(seen, 1, "its signal is delivered once");
	seen = 0;
	claim_equal(subject_read_until_timer(ready[0], 2000), -EINTR,
	            "a signal ends a library's system call");
	claim_equal(seen, 1, "and is delivered once");
	if (!backend_protects())
		return;
	status = in_child(signal_and_add, NULL);
	claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "a fatal signal ends the process",
	      "status %#x", status);
	claim_equal(subject_add(0), 1, "after the library has done its work");
}

void case_nested_signals(void)
{
	long result = 0, lost = 0;

	attach("chain7", PORTCULLIS_PRIVATE);
	catch (SIGUSR1);
	for (int i = 0; i < SIGNALS; i++) {
		seen = 0;
		result += chain7_descend(SIGUSR1, &seen, 0, 0) != 3;
		lost += seen != 1;
	}
	if (backend_protects())
		claim_equal(result, 0, "a signal waits until the outermost library has returned");
	claim_equal(lost, 0, "it is delivered once");
}
