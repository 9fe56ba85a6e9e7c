/* Attaching to and leaving domains. */
#include "domain/domain.h"

#include "domain/backend.h"
#include "domain/build.h"
#include "domain/gate.h"
#include "domain/upcall.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/pagetable.h"
#include "mm/uaccess.h"
#include "plan/run.h"
#include "proc/process.h"
#include "x86/percpu.h"

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

/* A domain without pages. NULL with *error set. */
static struct domain *domain_new(const struct backend *backend, struct space *space, unsigned slot,
                                 bool shared, long *error)
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

static long create(struct space *space, struct inode *inode, bool shared, struct domain **created)
{
	const struct backend *backend = current_process()->backend;
	int slot = find_slot(space, shared);
	struct domain *domain;
	long error;

	if (slot < 0)
		return -ENOSPC;
	domain = domain_new(backend, space, (unsigned)slot, shared, &error);
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

static struct domain *find_shared(const struct inode *inode, const struct backend *backend)
{
	list_for_each (node, &shared_domains) {
		struct domain *domain = list_entry(node, struct domain, link);

		if (domain->image_inode == inode && domain->backend == backend)
			return domain;
	}
	return NULL;
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

static struct domain_table *table_of(struct space *space)
{
	if (!space->domains)
		space->domains = kzalloc(sizeof(*space->domains));
	return space->domains;
}

/* Makes the domain part of the process's space, with the process as its client. */
static long join(struct domain *domain, struct process *process)
{
	struct space *space = process->space;
	struct attachment *attachment = &space->domains->slots[domain->slot];
	long error;

	if (attachment->domain)
		return -ENOSPC;
	attachment->domain = domain;
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
	space->domains->count++;
	return 0;
}

static void leave(struct space *space, unsigned slot)
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
			leave(space, slot);
	if (space->domains->gates)
		gate_release(space);
	kfree(space->domains);
	space->domains = NULL;
}

/* A private domain of the child with the contents of the parent's. */
static struct domain *copy(const struct domain *original, struct space *child, long *error)
{
	struct domain *domain = domain_new(original->backend, child, original->slot, false, error);

	if (!domain)
		return NULL;
	domain->image_inode = original->image_inode;
	inode_get(domain->image_inode);
	*error = domain_copy_contents(domain, original);
	if (!*error)
		*error = domain_write_return_thunk(domain);
	if (!*error && domain->backend->build_gate)
		*error = domain->backend->build_gate(domain);
	if (!*error)
		return domain;
	domain_destroy(domain);
	return NULL;
}

long domain_fork(struct process *parent, struct process *child)
{
	if (!parent->space->domains)
		return 0;
	if (!table_of(child->space))
		return -ENOMEM;
	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++) {
		struct domain *domain = parent->space->domains->slots[slot].domain;
		long error = 0;

		if (!domain)
			continue;
		if (!domain->shared)
			domain = copy(domain, child->space, &error);
		if (!error)
			error = join(domain, child);
		if (error)
			return error;
	}
	return 0;
}

/* ---- attach and detach ------------------------------------------------------------------------------------
 */

static bool may_share(const struct domain *domain)
{
	const struct portcullis_image *descriptor = &domain->descriptor;
	uint32_t uid = current_process()->credentials.euid;

	switch (descriptor->share) {
	case PORTCULLIS_SHARE_ANY:
		return true;
	case PORTCULLIS_SHARE_OWNER:
		return uid == domain->image_inode->uid;
	case PORTCULLIS_SHARE_USERS:
		for (unsigned i = 0; i < descriptor->share_user_count; i++)
			if (descriptor->share_users[i] == uid)
				return true;
		return false;
	default:
		return false;
	}
}

/* What a stub jumps to, in the application (from NULL) or in a library. */
static uint64_t stub_target(const struct domain *from, const struct domain *domain, unsigned index)
{
	const struct backend *backend = domain->backend;

	if (!backend->entry)
		return domain->functions[index];
	return from ? backend->nested_entry(from, domain, index) : backend->entry(domain, index);
}

static long write_slots(struct domain *from, struct domain *domain, uint64_t address)
{
	if (from && domain->backend->link_nested) {
		long error = domain->backend->link_nested(from, domain);

		if (error)
			return error;
	}
	for (unsigned i = 0; i < domain->descriptor.entry_count; i++)
		if (put_user_u64(address + i * sizeof(uint64_t), stub_target(from, domain, i)))
			return -EFAULT;
	return 0;
}

static long initialise(struct domain *domain)
{
	long result = 0;

	if (domain->init && domain_call(domain, domain->init, 0, &result))
		return -EINTR;
	return (int)result < 0 ? (int)result : 0;
}

static struct domain *find_attached(const struct space *space, const struct inode *inode)
{
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain && space->domains->slots[i].domain->image_inode == inode)
			return space->domains->slots[i].domain;
	return NULL;
}

/* Joins the shared domain of the image, or a new one. Then *attached is part of the space. */
static long attach_domain(struct inode *inode, bool shared, uint64_t interface, unsigned count, struct domain **attached)
{
	struct space *space = current_process()->space;
	const struct backend *backend = current_process()->backend;
	struct domain *domain = shared ? find_shared(inode, backend) : NULL;
	bool fresh = !domain;
	long error = 0;

	if (space->domains->count >= backend->domains_max)
		return -ENOSPC;
	if (fresh)
		error = create(space, inode, shared, &domain);
	if (error)
		return error;
	if (shared && !may_share(domain))
		error = -EPERM;
	else if (domain->descriptor.interface != interface || domain->descriptor.entry_count != count)
		error = -ESTALE;
	else
		error = join(domain, current_process());
	if (error) {
		if (fresh)
			domain_destroy(domain);
		return error;
	}
	if (fresh)
		error = initialise(domain);
	if (error)
		leave(space, domain->slot);
	*attached = domain;
	return error;
}

/* The library whose stubs lie at `slots`; NULL: they are the application's. */
static struct domain *caller_of(const struct space *space, uint64_t slots)
{
	const struct attachment *attachment = domain_at(space, slots);

	return domain_inside() || (attachment && attachment->domain->backend->open_to_all)
	               ? (attachment ? attachment->domain : NULL)
	               : NULL;
}

/* By the application, or by a library that calls another one: that one may be attached already. */
static long attach_inode(struct inode *inode, bool shared, uint64_t interface, uint64_t slots, unsigned count)
{
	struct space *space = current_process()->space;
	struct domain *from = caller_of(space, slots), *domain = find_attached(space, inode);
	bool joined = !domain;
	long error = 0;

	if (domain && !from)
		return -EEXIST;
	if (joined)
		error = attach_domain(inode, shared, interface, count, &domain);
	else if (domain->descriptor.interface != interface || domain->descriptor.entry_count != count)
		error = -ESTALE;
	if (error)
		return error;
	error = write_slots(from, domain, slots);
	if (error && joined)
		leave(space, domain->slot);
	return error ? error : (long)domain->slot;
}

long sys_domain_attach(uint64_t path_address, unsigned flags, uint64_t interface, uint64_t slots,
                       unsigned count)
{
	char *path = kmalloc(PATH_MAX);
	struct inode *inode;
	long error = path ? copy_string_from_user(path, path_address, PATH_MAX) : -ENOMEM;

	current_thread()->attach_reason = NULL;
	if (error >= 0 && flags & ~PORTCULLIS_SHARED)
		error = -EINVAL;
	if (error >= 0)
		error = path_lookup(path, &inode);
	kfree(path);
	if (error)
		return error;
	if (inode->kind != INODE_FILE)
		error = -ENOEXEC;
	else if (inode_permission(inode, MAY_READ))
		error = -EACCES;
	else if (!table_of(current_process()->space))
		error = -ENOMEM;
	else
		error = attach_inode(inode, flags & PORTCULLIS_SHARED, interface, slots, count);
	inode_put(inode);
	return error;
}

long sys_domain_detach(unsigned slot)
{
	struct space *space = current_process()->space;

	if (slot >= DOMAIN_SLOT_COUNT || !space->domains || !space->domains->slots[slot].domain)
		return -EINVAL;
	if (domain_is_entered(space->domains->slots[slot].domain, space))
		return -EBUSY;
	leave(space, slot);
	return 0;
}

long sys_domain_info(unsigned what, uint64_t to, size_t size)
{
	const char *text = "";
	size_t length;

	if (what == PORTCULLIS_INFO_BACKEND)
		text = current_process()->backend->name;
	else if (what == PORTCULLIS_INFO_REASON)
		text = current_thread()->attach_reason ? current_thread()->attach_reason : "";
	else
		return -EINVAL;
	if (!size)
		return -EINVAL;
	length = MIN(strlen(text), size - 1);
	if (copy_to_user(to, text, length) || copy_to_user(to + length, "", 1))
		return -EFAULT;
	return (long)length;
}
