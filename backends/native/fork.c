/* A child of a fork is attached to what its parent is. */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "native/map.h"
#include "native/table.h"
#include "native/wire.h"

/* Those of the parent that were inside are not in this process. */
static void forget_threads(const struct native_domain *domain)
{
	for (unsigned i = 0; i < domain->slot_count; i++)
		if (domain_is_inside(domain_gate(domain), domain->base, domain->first_slot + i))
			domain_gate(domain)->inside[domain->first_slot + i] = 0;
}

/* In the thread that asks. */
static long take_channel(struct broker_answer *answer, int channel, int image)
{
	(void)image;
	return native_backend->remote->connect(&native_domains[answer->number], channel);
}

/* The child's own way to the server. */
static long reconnect(const struct native_domain *domain)
{
	struct broker_request request = {.kind = BROKER_CHANNEL, .number = domain_number(domain)};
	struct broker_answer answer;

	native_backend->remote->disconnect(domain);
	broker_ask(&request, NULL, take_channel, &answer);
	return answer.result;
}

/* The child is a client of its own: with thread slots of its own where domains are shared. */
static void become_child(long ticket)
{
	struct broker_answer answer = {0};
	long error = 0;

	table_inherit_lock();
	if (ticket) {
		answer = table_ask(BROKER_CLAIM, 0, ticket);
		error = answer.result;
		table_set_slot(answer.first_slot);
	}
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX && !error; i++) {
		struct native_domain *domain = &native_domains[i];
		uint64_t opened;

		if (!domain->base)
			continue;
		wire_forked(domain);
		if (native_backend->remote) {
			error = reconnect(domain);
			continue;
		}
		if (domain->shared) {
			unmap_stacks(domain);
			domain->first_slot = answer.first_slot;
			error = map_stacks(domain);
		}
		if (native_backend->forked)
			native_backend->forked(domain);
		if (!domain->shared) {
			opened = table_open(domain);
			forget_threads(domain);
			table_fill_client(domain);
			table_close(domain, opened);
		}
	}
	if (error) /* its parent has ended, or memory has: it is no client */
		native_call(SYS_kill, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
}

static bool has_brokered(void)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (native_domains[i].base && table_is_brokered(&native_domains[i]))
			return true;
	return false;
}

long domain_fork(unsigned long flags, long parent_id, long child_id, long storage)
{
	uint64_t all = ~0UL, mask;
	long ticket = 0, child;

	domain_lock();
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof(mask), 0, 0);
	if (has_brokered())
		ticket = table_ask(BROKER_FORK, 0, 0).result;
	child = ticket < 0 ? ticket : native_call(SYS_clone, (long)flags, 0, parent_id, child_id, storage, 0);
	if (child == 0)
		become_child(ticket);
	else if (ticket > 0)
		table_ask(child < 0 ? BROKER_CANCEL : BROKER_BORN, child < 0 ? 0 : (unsigned)child, ticket);
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	domain_unlock();
	return child;
}
