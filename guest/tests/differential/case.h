/*
 * The table of system-call tests. The same binary runs on a Linux host and in the guest; what a case prints
 * must not depend on which: no process numbers, addresses, times or machine properties.
 *
 * A case runs in a child of its own, in an empty directory of its own, as the leader of its own process
 * group, with descriptors 0 (/dev/null), 1 and 2, all signals at their defaults and unblocked, umask 022,
 * RLIMIT_NOFILE CASE_OPEN_MAX, and an alarm of CASE_SECONDS.
 */
#ifndef DIFFERENTIAL_CASE_H
#define DIFFERENTIAL_CASE_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define CASE_OPEN_MAX 256
#define CASE_SECONDS  20
#define CASE_USER     1000 /* a user and group that own nothing */

struct test_case {
	const char *subject; /* the file that holds it */
	const char *name;
	void (*run)(void);
	bool root; /* needs uid 0 */
};

#define CASE_ENTRY(subject, name, root)                                                                      \
	static void name(void);                                                                              \
	static const struct test_case name##_case = {subject, #name, name, root};                            \
	static const struct test_case *const name##_entry __attribute__((used, section("test_cases"))) =     \
	        &name##_case;                                                                                \
	static void name(void)

/* A file defines SUBJECT, then: CASE(name) { ... } */
#define CASE(name)      CASE_ENTRY(SUBJECT, name, false)
#define CASE_ROOT(name) CASE_ENTRY(SUBJECT, name, true)

extern const char *self_path; /* absolute path of this program */

/* Prints a line at once, in one write, so that processes can share the output. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The errno's name. */
const char *error_name(int error);

/* `what: VALUE`, or `what: ENAME` when the value is -1. _ok: `what: ok` for any value that is not -1. */
void say_result(const char *what, long value);
void say_ok(const char *what, long value);
/* The same of a function that returns an error number (pthreads). */
void say_error(const char *what, int error);
/* A wait status: "exited N", "killed SIGNAL", "stopped SIGNAL", "continued". Core dumps are not told apart.
 */
void say_status(const char *what, int status);
const char *signal_name(int number);

/* say_result and say_ok of a call, with its own text as WHAT; the value is the call's. */
#define SHOW(call)    show(#call, (errno = 0, (long)(call)))
#define SHOW_OK(call) say_ok(#call, (errno = 0, (long)(call)))
long show(const char *call, long value);

/* Prints `case: WHAT: ENAME` and ends the case: for steps that prepare a test and must work. */
long must(const char *what, long value);
#define MUST(call) must(#call, (errno = 0, (long)(call)))

/* Forks a child that runs body(argument) and exits 0. Returns its pid. */
pid_t start_child(void (*body)(void *), void *argument);
/* Waits for `pid` and prints its status. */
void finish_child(const char *what, pid_t pid);
/* Both; the second form runs it as CASE_USER (of root only). */
void in_child(const char *what, void (*body)(void *), void *argument);
void as_user(const char *what, void (*body)(void *), void *argument);

/* Bodies of children: *(int *)argument is the exit status, the signal that it raises; or none. */
void exit_with(void *argument);
void die_of(void *argument);
void wait_for_ever(void *argument);
void end_at_once(void *argument);

/* A thread that runs body(argument); ends the case when there is none. */
pthread_t start_thread(void *(*body)(void *), void *argument);
/* Lets others run until *value, which they change, is at least `wanted`. */
void wait_until(const int *value, int wanted);

/* Small files. write_file creates or replaces; say_file prints the contents. */
void write_file(const char *path, const char *text);
void say_file(const char *path);
/* Bytes, the unprintable ones as \\xx. */
void say_bytes(const char *what, const void *bytes, size_t size);

void sleep_ms(long milliseconds);
long elapsed_ns(void); /* CLOCK_MONOTONIC */

/* Starts an interval timer; `interval` 0: once. */
void set_timer(int which, long microseconds, long interval);

/* Installs a handler without flags other than those given. */
void handle(int signal, void (*handler)(int), int flags);
void handle_info(int signal, void (*handler)(int, siginfo_t *, void *), int flags);
void block(int signal);
void unblock(int signal);

/* What a read, write or fetch at an address does: "fine", "SIGSEGV maperr", ... Tries in this process, and
 * returns. */
const char *try_read(const volatile void *address);
const char *try_write(volatile void *address);
const char *try_call(const void *address);

#define PAGE         ((size_t)4096)
#define BAD          ((void *)8) /* an address that nothing is mapped at */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
