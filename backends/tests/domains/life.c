/* Domains over the life of a process: creation and removal, fork, exec, sharing, libraries that call
 * libraries. */
#include "case.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chain.h"
#include "subject.h"

#define CHURN_WARM  20
#define CHURN_COUNT 300 /* many times the number of keys */

/* ---- creation and removal ---- */

/* Attaches, calls and detaches `count` times; false: something failed. */
static bool churn(int count, unsigned flags)
{
	for (int i = 0; i < count; i++)
		if (portcullis_attach("subject", flags) || subject_add(1) != 1 || !subject_allocate(10000) ||
		    portcullis_detach("subject"))
			return false;
	return true;
}

static bool churn_nested(int count)
{
	for (int i = 0; i < count; i++)
		if (portcullis_attach("chain7", PORTCULLIS_PRIVATE) || chain7_descend(0, NULL, 0, 0) != 3 ||
		    portcullis_detach("chain7"))
			return false;
	return true;
}

static bool churn_refused(int count)
{
	uint64_t slots[SLOTS_MAX];

	for (int i = 0; i < count; i++)
		if (attach_image("/lib/portcullis/subject.image", 0, (uint64_t *)8) != -EFAULT ||
		    attach_image("/bin/domains", 0, slots) != -ENOEXEC ||
		    attach_image("/lib/portcullis/chain1.image", 0, slots) != -ESTALE ||
		    portcullis_attach("fussy", PORTCULLIS_SHARED) != -1)
			return false;
	return true;
}

static void add_in_child(void *unused)
{
	(void)unused;
	claim_equal(subject_add(1), 2, "a child's copy goes on from the parent's state");
}

static bool churn_forked(int count)
{
	bool good = portcullis_attach("subject", PORTCULLIS_PRIVATE) == 0 && subject_add(1) == 1;

	for (int i = 0; i < count && good; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(subject_add(1) != 2);
		good = child > 0 && wait_for(child) == CHILD_OK;
	}
	return good && portcullis_detach("subject") == 0;
}

static bool round_of(int count)
{
	return churn(count, PORTCULLIS_PRIVATE) && churn(count, PORTCULLIS_SHARED) &&
	       churn_nested(count / 10) && churn_refused(count / 10) && churn_forked(count / 10);
}

void case_churn(void)
{
	unsigned long before;

	claim(round_of(CHURN_WARM), "domains come and go", "%s", portcullis_error());
	before = free_memory();
	claim(round_of(CHURN_COUNT), "hundreds of times, private, shared, nested, refused and forked", "%s",
	      portcullis_error());
	claim_equal((long)(before - free_memory()), 0, "without losing a frame");
}

/* ---- processes ---- */

static void add_hundred(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++)
		subject_add_slowly();
}

static void attach_and_add(void *client)
{
	attach("subject", PORTCULLIS_SHARED);
	add_hundred(NULL);
	*(uint64_t *)client = subject_client();
}

static void replace_by_shared(void *client)
{
	portcullis_detach("subject");
	attach_and_add(client);
}

void case_shared(void)
{
	uint64_t *client = shared_word();
	int pipe_ends[2];
	pid_t child;
	char byte;

	/* A process that has attached on its own, not by fork. */
	if (pipe(pipe_ends))
		return;
	child = fork();
	if (child == 0) {
		read(pipe_ends[0], &byte, 1);
		attach_and_add(client);
		_exit(0);
	}
	attach("subject", PORTCULLIS_SHARED);
	write(pipe_ends[1], "", 1);
	add_hundred(NULL);
	claim_equal(wait_for(child), CHILD_OK, "two processes use one domain at the same time");
	claim_equal(subject_add(0), 200, "each sees what the other adds");
	claim(*client != subject_client(), "the library knows one from the other", "both are %ld",
	      (long)*client);
	claim_equal(subject_initialised(), 1, "the init function has run once for both");
	claim_equal(in_child(add_hundred, NULL), CHILD_OK, "a child inherits the attachment");
	claim_equal(subject_add(0), 300, "to the same domain");
	portcullis_detach("subject");
	attach("subject", PORTCULLIS_SHARED);
	claim_equal(subject_add(0), 0, "the domain goes with the last process");
	portcullis_detach("subject");
	attach("subject", PORTCULLIS_PRIVATE);
	add_hundred(NULL);
	claim_equal(subject_add(0), 100, "a private domain of the same library");
	claim_equal(in_child(replace_by_shared, client), CHILD_OK, "and a shared one in another process");
	claim_equal(subject_add(0), 100, "have nothing in common");
}

/* Keys and slots of the two must not collide. */
void case_younger(void)
{
	int ready[2], go[2];
	pid_t child;
	char byte;

	if (pipe(ready) || pipe(go))
		return;
	child = fork();
	if (child == 0) {
		read(go[0], &byte, 1);
		attach("subject", PORTCULLIS_SHARED);
		write(ready[1], "", 1);
		read(go[0], &byte, 1);
		_exit(0);
	}
	attach("chain7", PORTCULLIS_PRIVATE);
	write(go[1], "", 1);
	read(ready[0], &byte, 1);
	claim(portcullis_attach("subject", PORTCULLIS_SHARED) == 0,
	      "a process with private libraries joins a shared domain that is younger", "%s",
	      portcullis_error());
	claim_equal(subject_add(1), 1, "it works");
	claim_equal(chain7_descend(0, NULL, 0, 0), 3, "so do the private ones");
	write(go[1], "", 1);
	claim_equal(wait_for(child), CHILD_OK, "so does the process that made it");
}

static void descend(void *unused)
{
	(void)unused;
	claim_equal(chain7_descend(0, NULL, 0, 0), 3, "nested libraries work in a child");
}

static void leave_in_child(void *unused)
{
	(void)unused;
	claim(portcullis_detach("subject") == 0, "a child detaches from its copy", "%s", portcullis_error());
	attach("subject", PORTCULLIS_PRIVATE);
	claim_equal(subject_add(0), 0, "and gets a fresh domain");
}

void case_fork(void)
{
	void *memory;

	attach("chain7", PORTCULLIS_PRIVATE);
	attach("subject", PORTCULLIS_PRIVATE);
	subject_add(1);
	memory = subject_allocate(100000);
	claim_equal(in_child(add_in_child, NULL), CHILD_OK, "a child has a copy of a private domain");
	claim_equal(subject_add(0), 1, "the parent's stays as it is");
	claim_equal(subject_release(memory), 0, "with its heap");
	claim_equal(in_child(descend, NULL), CHILD_OK, "a child has copies of nested libraries");
	claim_equal(chain7_descend(0, NULL, 0, 0), 3, "so has the parent");
	claim_equal(in_child(leave_in_child, NULL), CHILD_OK, "a child replaces its copy");
	claim_equal(subject_add(0), 1, "the parent's stays");
}

/* ---- exec ---- */

static void execute(void *unused)
{
	(void)unused;
	execl("/bin/domains", "domains", "after-exec", NULL);
	claim(false, "execve", "%s", strerror(errno));
}

void case_exec(void)
{
	attach("subject", PORTCULLIS_PRIVATE);
	attach("chain7", PORTCULLIS_PRIVATE);
	subject_add(1);
	if (backend_protects())
		claim_equal(subject_execute("/bin/domains"), -EPERM, "a library cannot replace the program");
	claim_equal(in_child(execute, NULL), CHILD_OK, "a new program starts without domains");
	claim_equal(subject_add(0), 1, "its parent keeps them");
}

void case_after_exec(void)
{
	claim_equal(detach_image(0), -EINVAL, "there is nothing to detach from");
	attach("subject", PORTCULLIS_PRIVATE);
	claim_equal(subject_add(0), 0, "a library can be attached afresh");
	attach("chain7", PORTCULLIS_PRIVATE);
	claim_equal(chain7_descend(0, NULL, 0, 0), 3, "and nested ones");
}

/* ---- libraries that call libraries ---- */

void case_nesting(void)
{
	bool limited = backend_protects() && !gates_are_user_code();

	attach("chain1", PORTCULLIS_PRIVATE);
	claim_equal(chain1_descend(0, NULL, 0, 0), limited ? -ENOSYS : 9, "nine libraries deep");
	attach("chain2", PORTCULLIS_PRIVATE);
	claim_equal(chain2_descend(0, NULL, 0, 0), 8, "eight libraries deep");
	claim_refused(portcullis_detach("chain2"), EBUSY, "cannot detach",
	              "a library that another one calls");
	claim(portcullis_detach("chain1") == 0, "the one that calls can be left", "%s", portcullis_error());
	claim_equal(chain2_descend(0, NULL, 0, 0), 8, "the others still work");
	claim(portcullis_detach("chain2") == 0, "now the second one, too", "%s", portcullis_error());
	attach("chain9", PORTCULLIS_PRIVATE);
	claim(portcullis_detach("chain9") == 0, "those that it called went with it", "%s",
	      portcullis_error());
}

static void attach_front(void *unused)
{
	(void)unused;
	attach("front", PORTCULLIS_SHARED);
	claim_equal(front_descend(0, NULL, 0, 0), 2,
	            "a process that joins a shared library joins what it calls");
	portcullis_detach("front");
	attach("front", PORTCULLIS_SHARED);
	claim_equal(front_descend(0, NULL, 0, 0), 2, "also a second time");
}

static void leave_front(void *unused)
{
	portcullis_detach("front");
	attach_front(unused);
}

void case_nested_shared(void)
{
	attach("front", PORTCULLIS_SHARED);
	claim_equal(front_descend(0, NULL, 0, 0), 2, "a shared library calls a shared one");
	claim_equal(in_child(leave_front, NULL), CHILD_OK, "another process attaches");
	claim_equal(front_descend(0, NULL, 0, 0), 2, "the first goes on");
	portcullis_detach("front");
	attach("front", PORTCULLIS_PRIVATE);
	claim_equal(front_descend(0, NULL, 0, 0), 2, "a private library calls a shared one");
}
