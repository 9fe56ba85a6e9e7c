/* The life of a domain, and its attachments to address spaces. */
#include "domain/domain.h"

#include "domain/backend.h"
#include "domain/build.h"
#include "domain/gate.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "net/wire.h"
#include "proc/process.h"

static struct list shared_domains = LIST_INIT(shared_domains);
static uint64_t last_client_id;

struct attachment *domain_at(const struct space *space, uint64_t address)
{
	struct attachment *attachment;

	if (!space->domains || address < DOMAIN_BASE || address >= DOMAIN_END)
		return NULL;
	attachment = &space->domains->slots[(address - DOMAIN_BASE) / PML4_SLOT_SIZE];
	return attachment->domain ? attachment : NULL;
}

struct domain *domain_inside(void)
{
	const struct backend *backend = current_process()->backend;

	return backend && backend->inside ? backend->inside() : NULL;
}

bool domain_allows(uint64_t address, size_t size)
{
	struct process *process = current_process();
	struct attachment *attachment;
	struct domain *domain;

	if (!process->space || !process->backend || !process->space->domains)
		return false;
	attachment = domain_at(process->space, address);
	domain = process->backend->open_to_all && attachment ? attachment->domain : domain_inside();
	return domain && address - domain->base < PML4_SLOT_SIZE &&
	       size <= PML4_SLOT_SIZE - (address - domain->base);
}

/* ---- life of a domain -------------------------------------------------------------------------------------
 */

void domain_destroy(struct domain *domain)
{
	list_remove(&domain->link);
	if (domain->pml4) {
		pagetable_free(domain->pml4, domain->base, domain->base + PML4_SLOT_SIZE);
		frame_put(domain->pml4);
	}
	if (domain->backend->destroy)
		domain->backend->destroy(domain);
	wire_release(domain);
	if (domain->image_inode)
		inode_put(domain->image_inode);
	kfree(domain->functions);
	kfree(domain);
}

/* A slot that is free in the space: private ones from below; shared ones from above, free of any shared
 * domain. */
static int find_slot(const struct space *space, bool shared)
{
	bool taken[DOMAIN_SLOT_COUNT] = {false};

	for (unsigned i = 0; space->domains && i < DOMAIN_SLOT_COUNT; i++)
		taken[i] = space->domains->slots[i].domain;
	list_for_each (node, &shared_domains)
		taken[list_entry(node, struct domain, link)->slot] = true;
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++) {
		unsigned slot = shared ? DOMAIN_SLOT_COUNT - 1 - i : i;

		if (!taken[slot])
			return (int)slot;
	}
	return -1;
}

/* A domain without pages, with that key if it is not 0. NULL with *error set. */
static struct domain *domain_new(const struct backend *backend, struct space *space, unsigned slot,
                                 bool shared, unsigned key, long *error)
{
	struct domain *domain = kzalloc(sizeof(*domain));

	*error = -ENOMEM;
	if (!domain)
		return NULL;
	list_init(&domain->link);
	domain->backend = backend;
	domain->shared = shared;
	domain->slot = slot;
	domain->base = DOMAIN_BASE + slot * PML4_SLOT_SIZE;
	domain->account = space->account;
	domain->page_bits = PTE_U;
	domain->key = key;
	*error = backend->create ? backend->create(domain, space) : 0;
	if (*error) {
		kfree(domain);
		return NULL;
	}
	domain->pml4 = frame_alloc_zeroed(domain->account);
	if (!domain->pml4) {
		*error = -ENOMEM;
		domain_destroy(domain);
		return NULL;
	}
	return domain;
}

long domain_create(struct space *space, struct inode *inode, bool shared, struct domain **created)
{
	const struct backend *backend = current_process()->backend;
	int slot = find_slot(space, shared);
	struct domain *domain;
	long error;

	if (slot < 0)
		return -ENOSPC;
	domain = domain_new(backend, space, (unsigned)slot, shared, 0, &error);
	if (!domain)
		return error;
	domain->image_inode = inode;
	inode_get(inode);
	error = domain_load_image(domain);
	if (!error)
		error = domain_write_return_thunk(domain);
	if (!error && backend->build_gate)
		error = backend->build_gate(domain);
	if (error) {
		domain_destroy(domain);
		return error;
	}
	if (shared)
		list_add(&shared_domains, &domain->link);
	*created = domain;
	return 0;
}

struct domain *domain_find_shared(const struct inode *inode, const struct backend *backend)
{
	list_for_each (node, &shared_domains) {
		struct domain *domain = list_entry(node, struct domain, link);

		if (domain->image_inode == inode && domain->backend == backend && !domain->failure)
			return domain;
	}
	return NULL;
}

struct domain *domain_shared_in_slot(unsigned slot)
{
	list_for_each (node, &shared_domains) {
		struct domain *domain = list_entry(node, struct domain, link);

		if (domain->slot == slot)
			return domain;
	}
	return NULL;
}

void domain_hide(struct domain *domain)
{
	list_remove(&domain->link);
}

/* ---- attachments ------------------------------------------------------------------------------------------
 */

static long add_client(struct domain *domain, struct attachment *attachment, const struct process *process)
{
	unsigned index = 0;

	while (index < PORTCULLIS_CLIENTS_MAX && domain->client_used[index])
		index++;
	if (index == PORTCULLIS_CLIENTS_MAX)
		return -ENOSPC;
	attachment->client = (struct portcullis_client){
	        .id = ++last_client_id,
	        .index = index,
	        .pid = (uint32_t)process->pid,
	        .uid = process->credentials.euid,
	        .gid = process->credentials.egid,
	};
	domain->client_used[index] = true;
	return domain_write(domain,
	                    PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS +
	                            index * sizeof(attachment->client),
	                    &attachment->client, sizeof(attachment->client));
}

struct domain_table *domain_table_of(struct space *space)
{
	if (!space->domains)
		space->domains = kzalloc(sizeof(*space->domains));
	return space->domains;
}

long domain_join(struct domain *domain, struct process *process, bool by_application)
{
	struct space *space = process->space;
	struct attachment *attachment = &space->domains->slots[domain->slot];
	long error;

	if (attachment->domain || space->domains->count >= domain->backend->domains_max)
		return -ENOSPC;
	attachment->domain = domain;
	attachment->by_application = by_application;
	error = add_client(domain, attachment, process);
	if (!error)
		error = domain_enter_threads(domain, process);
	if (!error)
		error = domain->backend->link(domain, space);
	if (error) {
		domain->client_used[attachment->client.index] = false;
		*attachment = (struct attachment){0};
		return error;
	}
	domain->references++;
	if (!space->domains->count++ || domain->budget < space->domains->budget)
		space->domains->budget = domain->budget;
	this_cpu->reschedule = true; /* from now on its threads are looked at */
	return 0;
}

void domain_leave(struct space *space, unsigned slot)
{
	struct attachment *attachment = &space->domains->slots[slot];
	struct domain *domain = attachment->domain;

	domain->backend->unlink(domain, space);
	domain->client_used[attachment->client.index] = false;
	*attachment = (struct attachment){0};
	space->domains->count--;
	if (--domain->references == 0)
		domain_destroy(domain);
}

void domain_release_space(struct space *space)
{
	if (!space->domains)
		return;
	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++)
		if (space->domains->slots[slot].domain)
			domain_leave(space, slot);
	if (space->domains->gates)
		gate_release(space);
	kfree(space->domains);
	space->domains = NULL;
}

/* A private domain of the child with the contents of the parent's. */
static struct domain *copy(const struct domain *original, struct space *child, long *error)
{
	struct domain *domain =
	        domain_new(original->backend, child, original->slot, false, original->key, error);

	if (!domain)
		return NULL;
	domain->image_inode = original->image_inode;
	inode_get(domain->image_inode);
	*error = domain_copy_contents(domain, original);
	if (!*error)
		return domain;
	domain_destroy(domain);
	return NULL;
}

long domain_fork(struct process *parent, struct process *child)
{
	if (!parent->space->domains)
		return 0;
	if (!domain_table_of(child->space))
		return -ENOMEM;
	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++) {
		const struct attachment *attachment = &parent->space->domains->slots[slot];
		struct domain *domain = attachment->domain;
		long error = 0;

		if (!domain)
			continue;
		if (!domain->shared)
			domain = copy(domain, child->space, &error);
		if (error)
			return error;
		error = domain_join(domain, child, attachment->by_application);
		if (error) {
			if (!domain->shared)
				domain_destroy(domain);
			return error;
		}
	}
	return 0;
}
