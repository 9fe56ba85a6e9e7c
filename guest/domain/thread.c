/*
 * Threads and domains: each user thread has a slot, unique in the system, and a page at its GS base that it
 * can read but not write: its slot, and from THREAD_PAGE_STACKS on the top of its protected stack in each
 * domain.
 */
#include "domain/backend.h"
#include "domain/build.h"
#include "domain/thread_page.h"
#include "domain/upcall.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "proc/process.h"
#include "proc/sched.h"

static struct thread *slots[PORTCULLIS_THREADS_MAX];

static uint64_t page_address(unsigned slot)
{
	return KERNEL_WINDOW + (uint64_t)slot * PAGE_SIZE;
}

static long take_slot(struct thread *thread)
{
	static unsigned next;

	for (unsigned i = 0; i < PORTCULLIS_THREADS_MAX; i++) {
		unsigned slot = (next + i) % PORTCULLIS_THREADS_MAX;

		if (slots[slot])
			continue;
		slots[slot] = thread;
		thread->slot = slot;
		return 0;
	}
	return -EAGAIN;
}

/* Leads the thread's slot in the domain's gate data to the thread's client. */
static long enter_thread(struct domain *domain, const struct thread *thread,
                         const struct portcullis_client *client)
{
	struct portcullis_thread record = {
	        .stack_top = domain_stack_top(domain, thread),
	        .client = domain->base + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS +
	                  client->index * sizeof(*client),
	};

	domain_clear_stack_top(domain, record.stack_top);
	return domain_write(domain,
	                    PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_THREADS +
	                            thread->slot * sizeof(record),
	                    &record, sizeof(record));
}

long domain_enter_threads(struct domain *domain, struct process *process)
{
	const struct attachment *attachment = domain_at(process->space, domain->base);

	/* All threads of the space: other processes may share it (CLONE_VM). */
	for (unsigned i = 0; i < PORTCULLIS_THREADS_MAX; i++) {
		long error = 0;

		if (slots[i] && slots[i]->process->space == process->space)
			error = enter_thread(domain, slots[i], &attachment->client);
		if (error)
			return error;
	}
	return 0;
}

long domain_thread_prepare(struct thread *thread)
{
	struct space *space = thread->process->space;
	uint64_t *words;
	paddr_t page;
	long error = take_slot(thread);

	if (error)
		return error;
	page = frame_alloc_zeroed(space->account);
	if (!page) {
		slots[thread->slot] = NULL;
		return -ENOMEM;
	}
	words = phys_to_virt(page);
	words[PORTCULLIS_THREAD_PAGE_SLOT / sizeof(*words)] = thread->slot;
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		words[THREAD_PAGE_STACKS / sizeof(*words) + i] =
		        DOMAIN_BASE + i * PML4_SLOT_SIZE + PORTCULLIS_STACKS_OFFSET +
		        (thread->slot + 1UL) * PORTCULLIS_STACK_STRIDE;
	error = space_map_kernel_page(space, page_address(thread->slot), page, false);
	frame_put(page); /* the mapping holds it */
	if (error) {
		slots[thread->slot] = NULL;
		return error;
	}
	thread->has_slot = true;
	thread->stack_tops = words + THREAD_PAGE_STACKS / sizeof(*words);
	thread->gs_base = page_address(thread->slot);
	for (unsigned i = 0; space->domains && i < DOMAIN_SLOT_COUNT; i++) {
		struct attachment *attachment = &space->domains->slots[i];

		if (attachment->domain &&
		    (error = enter_thread(attachment->domain, thread, &attachment->client)))
			return error;
	}
	return 0;
}

void domain_thread_gone(struct thread *thread)
{
	struct space *space = thread->process->space;
	uint64_t *entry;

	if (!thread->has_slot)
		return;
	if (thread == current_thread() && thread->process->thread_count == 1)
		domain_leave_all(); /* exec */
	slots[thread->slot] = NULL;
	thread->has_slot = false;
	entry = space ? pagetable_entry(space->pml4, thread->gs_base) : NULL;
	if (entry && *entry) {
		paddr_t page = *entry & PTE_ADDRESS;

		*entry = 0;
		space_flush_page(space, thread->gs_base);
		frame_put(page);
	}
	thread->gs_base = 0;
}

static bool has_entered(const struct thread *thread, const struct domain *domain)
{
	const struct backend *backend = domain->backend;

	return thread->regs->rip - domain->base < PML4_SLOT_SIZE || upcall_concerns(thread, domain) ||
	       (backend->entered && backend->entered(domain, thread));
}

void domain_expel_threads(const struct domain *domain)
{
	for (unsigned i = 0; i < PORTCULLIS_THREADS_MAX; i++) {
		struct thread *thread = slots[i];

		if (thread && domain_at(thread->process->space, domain->base) &&
		    domain_at(thread->process->space, domain->base)->domain == domain &&
		    has_entered(thread, domain)) {
			thread->expelled = true;
			thread_wake(thread);
		}
	}
}

bool domain_is_entered(const struct domain *domain, const struct space *space)
{
	for (unsigned i = 0; i < PORTCULLIS_THREADS_MAX; i++)
		if (slots[i] && slots[i]->process->space == space && has_entered(slots[i], domain))
			return true;
	return false;
}
