/*
 * Workload `scale`: what a call of a protected library costs when many threads call it, when many processes
 * of different users share it, or when one process has many libraries. Every answer is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/arguments.h"
#include "common/records.h"
#include "common/ticks.h"
#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"
#include "tally.h"

#define COUNT_MAX  64
#define FIRST_USER 1000
#define IMAGE      PORTCULLIS_IMAGE_DIRECTORY "/tally.image"

enum { THREADS, PROCESSES, DOMAINS };

static const char *const cases[] = {"threads", "processes", "domains", NULL};
static uint64_t which, count = 1, calls = 4000;

/* What the threads or processes tell, and wait for. */
static int ready[2], go[2], done[2], leave[2];

static _Noreturn void fail(const char *what, const char *why)
{
	fprintf(stderr, "scale: %s: %s\n", what, why);
	exit(1);
}

static uint64_t each(void)
{
	return calls / count;
}

static void attach(unsigned flags)
{
	if (portcullis_attach("tally", flags))
		fail("attach", portcullis_error());
}

static void tell(int to, char byte)
{
	if (write(to, &byte, 1) != 1)
		fail("pipe", strerror(errno));
}

/* Waits for a byte, or for the end of the pipe. */
static char hear(int from)
{
	char byte = 0;

	if (read(from, &byte, 1) < 0)
		fail("pipe", strerror(errno));
	return byte;
}

/* Lets `count` begin at once. The ticks until all have made their calls; *errors counts those with wrong
 * answers. */
static uint64_t time_all(uint64_t *errors)
{
	uint64_t start;

	for (uint64_t i = 0; i < count; i++)
		hear(ready[0]);
	start = ticks_now();
	for (uint64_t i = 0; i < count; i++)
		tell(go[1], 0);
	*errors = 0;
	for (uint64_t i = 0; i < count; i++)
		*errors += hear(done[0]) != 0;
	return ticks_now() - start;
}

/* ---- threads of one process: one client ---- */

static void *call_as_thread(void *unused)
{
	bool wrong = false;

	(void)unused;
	tally_add(0); /* the first call is not timed */
	tell(ready[1], 0);
	hear(go[0]);
	for (uint64_t i = 0; i < each(); i++)
		wrong |= tally_add(1) < 1;
	tell(done[1], wrong);
	return NULL;
}

static uint64_t run_threads(uint64_t *errors)
{
	pthread_t threads[COUNT_MAX];
	uint64_t ticks;
	int error;

	attach(PORTCULLIS_PRIVATE);
	for (uint64_t i = 0; i < count; i++)
		if ((error = pthread_create(&threads[i], NULL, call_as_thread, NULL)))
			fail("pthread_create", strerror(error));
	ticks = time_all(errors);
	for (uint64_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	*errors += tally_total() != (long)(each() * count);
	return ticks;
}

/* ---- processes of different users: a client each ---- */

static _Noreturn void call_as_user(uid_t user)
{
	bool wrong = false;

	close(leave[1]);
	if (setuid(user))
		fail("setuid", strerror(errno));
	attach(PORTCULLIS_SHARED);
	tally_add(0); /* the first call is not timed */
	tell(ready[1], 0);
	hear(go[0]);
	for (uint64_t i = 0; i < each(); i++)
		wrong |= tally_add(1) != (long)i + 1; /* its own sum, whatever the others do */
	tell(done[1], wrong);
	hear(leave[0]); /* so that nobody's departure is timed */
	_exit(0);
}

static uint64_t run_processes(uint64_t *errors)
{
	uint64_t ticks;
	int status;

	for (uint64_t i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			fail("fork", strerror(errno));
		if (child == 0)
			call_as_user(FIRST_USER + (uid_t)i);
	}
	attach(PORTCULLIS_SHARED); /* here, so that no child has it already */
	ticks = time_all(errors);
	*errors += tally_total() != (long)(each() * count);
	close(leave[1]);
	for (uint64_t i = 0; i < count; i++)
		*errors += wait(&status) < 0 || status != 0;
	return ticks;
}

/* ---- domains of one process: copies of the image, by turns ---- */

static void copy_image(const char *to)
{
	int from = open(IMAGE, O_RDONLY), copy = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	char bytes[4096];
	ssize_t size;

	if (from < 0 || copy < 0)
		fail(from < 0 ? IMAGE : to, strerror(errno));
	while ((size = read(from, bytes, sizeof(bytes))) > 0)
		if (write(copy, bytes, (size_t)size) != size)
			fail(to, strerror(errno));
	close(from);
	close(copy);
}

static void attach_copy(uint64_t number, uint64_t *slots)
{
	extern const struct portcullis_stubs stubs[] __asm__(
	        "__start_portcullis_stubs"); /* of the one library */
	char path[64];
	long result;

	snprintf(path, sizeof(path), "/tmp/tally%" PRIu64 ".image", number);
	copy_image(path);
	result = portcullis_system_call(PORTCULLIS_SYS_ATTACH, (long)path, PORTCULLIS_PRIVATE,
	                                (long)stubs->interface, (long)slots, stubs->count, 0);
	unlink(path);
	if (result < 0)
		fail("attach", strerror((int)-result));
	((long (*)(long))slots[0])(0); /* the first call of each is not timed */
}

static uint64_t run_domains(uint64_t *errors)
{
	static uint64_t slots[COUNT_MAX][2]; /* of tally_add and tally_total */
	uint64_t start;
	bool wrong = false;

	for (uint64_t i = 0; i < count; i++)
		attach_copy(i, slots[i]);
	start = ticks_now();
	for (uint64_t round = 1; round <= each(); round++)
		for (uint64_t i = 0; i < count; i++)
			wrong |= ((long (*)(long))slots[i][0])((long)i) != (long)(round * i);
	*errors = wrong;
	return ticks_now() - start;
}

/* ---- the program ---- */

static void report(uint64_t ticks, uint64_t errors)
{
	static struct record_source source = {.experiment = "scale", .workload = "scale"};
	uint64_t total = each() * count;

	source.backend = portcullis_backend();
	records_open(&source);
	records_arguments("\"case\":\"%s\",\"count\":%" PRIu64, cases[which], count);
	records_number("operation", "ticks", (double)ticks / (double)total, total);
	records_number("entrances", "entrances", 1, total);
	records_number("errors", "errors", (double)errors, total);
	printf("scale: %" PRIu64 " %s: %" PRIu64 " calls, %.1f ticks each, %" PRIu64 " wrong\n", count,
	       cases[which], total, (double)ticks / (double)total, errors);
}

int main(int argc, char **argv)
{
	static uint64_t (*const runs[])(uint64_t *) = {run_threads, run_processes, run_domains};
	const struct argument table[] = {
	        {.name = "--case", .help = "what there are many of", .number = &which, .choices = cases},
	        {.name = "--count", .help = "how many", .number = &count, .least = 1, .most = COUNT_MAX},
	        {.name = "--calls",
	         .help = "of all together, at least as many as --count",
	         .number = &calls,
	         .least = COUNT_MAX,
	         .most = 1000000000},
	};
	uint64_t ticks, errors;

	arguments_parse("scale", "Calls one library from many threads or processes, or many libraries.",
	                table, sizeof(table) / sizeof(table[0]), argc, argv);
	if (pipe(ready) || pipe(go) || pipe(done) || pipe(leave))
		fail("pipe", strerror(errno));
	ticks = runs[which](&errors);
	report(ticks, errors);
	return errors ? 1 : 0;
}
