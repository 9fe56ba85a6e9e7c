/* The libraries that this process is attached to, for domain.c, attach.c and fork.c. */
#ifndef NATIVE_TABLE_H
#define NATIVE_TABLE_H

#include "native/broker.h"
#include "native/domain.h"

extern struct native_domain native_domains[NATIVE_DOMAINS_MAX]; /* by number; base 0: there is none */

/* The domain's rights, for the runtime itself: what table_open() returns goes to table_close(). */
uint64_t table_open(const struct native_domain *domain);
void table_close(const struct native_domain *domain, uint64_t opened);

/* Calls a function of the image, by its address there. */
long table_call(const struct native_domain *domain, uint64_t function, uint64_t argument);

/* A new private domain's gate data; of it, the one client. */
void table_fill(const struct native_domain *domain);
void table_fill_client(const struct native_domain *domain);

void table_forget(struct native_domain *domain); /* and its memory */

bool table_is_brokered(const struct native_domain *domain); /* the broker knows this process as a client */
struct broker_answer table_ask(enum broker_kind kind, unsigned number, int64_t value);

bool table_is_called(unsigned number); /* by another library */
void table_leave(struct native_domain *domain);
void table_leave_uncalled(void); /* what was attached because others called it, and now none does */

void table_set_slot(unsigned slot); /* what the thread page says from now on */

unsigned table_lock_depth(void); /* of domain_lock(), which this thread has */
void table_inherit_lock(void);   /* in the child of a fork */

#endif
