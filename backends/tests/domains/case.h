/*
 * Cases of the program `domains`. A case makes claims, each a line "ok CASE on BACKEND: CLAIM" or "not ok
 * ...".
 */
#ifndef TESTS_DOMAINS_CASE_H
#define TESTS_DOMAINS_CASE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "portcullis/portcullis.h"
#include "portcullis/stubs.h"

/* `found` says what was seen instead. */
__attribute__((format(printf, 3, 4))) bool claim(bool holds, const char *text, const char *found, ...);

/* Two numbers are equal. */
bool claim_equal(long seen, long expected, const char *text);

/* An attach or detach failed with this error and a sentence that holds `words`. */
bool claim_refused(int result, int error, const char *words, const char *text);

bool on_backend(const char *prefix); /* does the name of this process's backend start so? */
bool backend_protects(void);         /* it is not `none` */

/* Gates that run in user mode: a wrong index is a fault. Others are system calls: it is a call that does not
 * exist, and depth is limited. */
bool gates_are_user_code(void);

/* Attaches, or ends the program. */
void attach(const char *name, unsigned flags);

/* Calls function(argument) in a child process; its wait status. */
int in_child(void (*function)(void *), void *argument);
#define CHILD_OK 0 /* wait status of a child whose function returned */

int wait_for(int pid); /* the child's wait status */

/* The stubs that this program links for a library. */
struct portcullis_stubs *stubs_of(const char *library);

/* The system call, for subject's interface, without the runtime's own checks. `slots` has room for its entry
 * points. */
#define SLOTS_MAX 32
long attach_image(const char *path, unsigned flags, uint64_t *slots);
long detach_image(long domain);

uint64_t *shared_word(void); /* one word of memory that children share; always the same */

/* The whole file; its size, and its bytes, to be freed, at *bytes. */
size_t read_image(const char *path, char **bytes);
void write_file(const char *path, const char *bytes, size_t size);

unsigned long free_memory(void); /* bytes of the machine */

void case_free(void); /* prints "free BYTES" */

/* attach.c */
void case_attach(void);
void case_names(void);
void case_malformed(void);
void case_interface(void);
void case_manifest(void);
void case_init(void);
void case_teardown(void);
void case_many(void);
void case_cost(void);

/* life.c */
void case_churn(void);
void case_shared(void);
void case_younger(void);
void case_fork(void);
void case_exec(void);
void case_after_exec(void);
void case_nesting(void);
void case_nested_shared(void);

/* calls.c */
void case_heap(void);
void case_stack(void);
void case_index(void);
void case_busy(void);
void case_threads(void);
void case_system_calls(void);
void case_signals(void);
void case_nested_signals(void);

#endif
