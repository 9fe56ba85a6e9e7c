/* System calls of applications and libraries: attaching to libraries, leaving them. */
#include "domain/backend.h"
#include "domain/build.h"
#include "domain/upcall.h"
#include "fs/file.h"
#include "lib/errno.h"
#include "plan/run.h"
#include "mm/heap.h"
#include "mm/uaccess.h"
#include "proc/process.h"
#include "proc/wait.h"

static struct wait_queue initialised = {LIST_INIT(initialised.entries)}; /* an init function has ended */

/* What a process asks for. */
struct request {
	struct inode *inode;
	bool shared;
	uint64_t interface;
	uint64_t slots; /* user address of the stubs' targets */
	unsigned count;
	struct domain *from; /* the library whose stubs they are, NULL: the application's */
};

/* ---- rules ------------------------------------------------------------------------------------------------
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

/* May the current process have the domain for stubs that were made for this interface? 0, -EPERM, -ESTALE. */
static long check_domain(const struct domain *domain, const struct request *request)
{
	if (domain->shared && !may_share(domain))
		return -EPERM;
	if (domain->failure) {
		current_thread()->attach_reason = "it has failed, and who is attached has not left it";
		return -EIO;
	}
	if (domain->descriptor.interface != request->interface ||
	    domain->descriptor.entry_count != request->count)
		return -ESTALE;
	return 0;
}

/*
 * Stubs in a shared library lead to the same place in every process, so that it can call shared libraries
 * only; and all its clients must have them, so that it attaches before there is a second one.
 */
static long check_caller(const struct request *request)
{
	if (!request->from || !request->from->shared)
		return 0;
	if (!request->shared)
		return -EPERM;
	return request->from->references > 1 ? -EBUSY : 0;
}

/* The library whose stubs lie at `slots`, by the rights of the current thread. NULL: they are the
 * application's. */
static struct domain *caller_of(const struct space *space, uint64_t slots)
{
	const struct attachment *attachment = domain_at(space, slots);

	return attachment && domain_allows(slots, sizeof(uint64_t)) ? attachment->domain : NULL;
}

/* ---- stubs ------------------------------------------------------------------------------------------------
 */

/* What a stub jumps to, in the application (from NULL) or in a library. */
static uint64_t stub_target(const struct domain *from, const struct domain *domain, unsigned index)
{
	const struct backend *backend = domain->backend;

	if (!backend->entry)
		return domain->functions[index];
	return from ? backend->nested_entry(from, domain, index) : backend->entry(domain, index);
}

static long write_slots(struct domain *domain, const struct request *request)
{
	struct domain *from = request->from;

	if (from && domain->backend->link_nested) {
		long error = domain->backend->link_nested(from, domain);

		if (error)
			return error;
	}
	for (unsigned i = 0; i < domain->descriptor.entry_count; i++)
		if (put_user_u64(request->slots + i * sizeof(uint64_t), stub_target(from, domain, i)))
			return -EFAULT;
	if (from)
		from->calls[domain->slot] = true;
	return 0;
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

/* Does a library of the space call the one in that slot? */
static bool is_called(const struct space *space, unsigned slot)
{
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain && space->domains->slots[i].domain->calls[slot])
			return true;
	return false;
}

/* Tells the library that the current process leaves. A library that fails to take note of it is left all the
 * same. */
static void tell(struct domain *domain, const struct attachment *attachment)
{
	uint64_t client = domain->base + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS +
	                  attachment->client.index * sizeof(attachment->client);
	long result;

	if (domain->teardown && domain->ready && !domain->failure && !current_process()->run->killed)
		domain_call(domain, domain->teardown, client, &result);
}

/* Leaves the domain. 0, or -EBUSY: a thread is inside. */
static long leave(struct space *space, unsigned slot)
{
	struct domain *domain = space->domains->slots[slot].domain;

	if (domain_is_entered(domain, space))
		return -EBUSY;
	tell(domain, &space->domains->slots[slot]);
	if (domain_is_entered(domain, space))
		return -EBUSY; /* meanwhile */
	domain_leave(space, slot);
	return 0;
}

/* Leaves one library that was attached because others called it, and now none does. False: there is none. */
static bool leave_uncalled(struct space *space)
{
	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++) {
		const struct attachment *attachment = &space->domains->slots[slot];

		if (attachment->domain && !attachment->by_application && !is_called(space, slot) &&
		    !leave(space, slot))
			return true;
	}
	return false;
}

static void leave_all_uncalled(struct space *space)
{
	while (leave_uncalled(space))
		; /* which may have been the only one that called another */
}

void domain_leave_all(void)
{
	struct space *space = current_process()->space;

	if (!space || !space->domains || space->references > 1)
		return;
	current_thread()->regs->rip = 0; /* it may have been stopped at a gate's exit, in the domain's slot */
	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++)
		space->domains->slots[slot].by_application = false;
	leave_all_uncalled(space);
}

/* ---- attaching --------------------------------------------------------------------------------------------
 */

/*
 * *domain: the shared domain of the image, once its init function has returned; NULL: there is none. 0, or
 * -EINTR: a signal ended the waiting.
 */
static long find_shared(const struct request *request, struct domain **domain)
{
	const struct backend *backend = current_process()->backend;
	struct wait_entry entry;
	long error = 0;

	wait_begin(&initialised, &entry);
	while ((*domain = domain_find_shared(request->inode, backend)) && !(*domain)->ready && !error)
		error = thread_block(NO_DEADLINE);
	wait_end(&entry);
	return error;
}

/* The current process joins a shared domain that has been initialised, and those that it calls. 0 or -errno.
 */
static long join_callees(struct domain *domain)
{
	struct process *process = current_process();

	for (unsigned slot = 0; slot < DOMAIN_SLOT_COUNT; slot++) {
		struct domain *callee = domain->calls[slot] ? domain_shared_in_slot(slot) : NULL;
		long error = 0;

		if (!callee || process->space->domains->slots[slot].domain == callee)
			continue;
		if (!may_share(callee))
			error = -EPERM;
		if (!error)
			error = domain_join(callee, process, false);
		if (!error)
			error = join_callees(callee);
		if (error)
			return error;
	}
	return 0;
}

/* Runs the init function of a new domain. 0, what the function returned if that is negative, or -EINTR. */
static long initialise(struct domain *domain)
{
	long result = 0, error = 0;

	if (domain->init)
		error = domain_call(domain, domain->init, 0, &result);
	if (!error && (int)result < 0)
		error = (int)result;
	domain->ready = !error;
	if (error)
		domain_hide(domain);
	wake_all(&initialised);
	return error;
}

/* Joins the shared domain of the image, or a new one. 0: *attached is part of the space. */
static long join(const struct request *request, struct domain **attached)
{
	struct process *process = current_process();
	struct domain *domain = NULL;
	long error = request->shared ? find_shared(request, &domain) : 0;
	bool fresh = !domain;

	if (!error && fresh)
		error = domain_create(process->space, request->inode, request->shared, &domain);
	if (error)
		return error;
	error = check_domain(domain, request);
	if (!error)
		error = domain_join(domain, process, !request->from);
	if (error) {
		if (fresh)
			domain_destroy(domain);
		return error;
	}
	error = fresh ? initialise(domain) : join_callees(domain);
	if (error) {
		domain_leave(process->space, domain->slot);
		leave_all_uncalled(process->space);
	}
	*attached = domain;
	return error;
}

static struct attachment *find_attached(const struct space *space, const struct inode *inode)
{
	for (unsigned i = 0; i < DOMAIN_SLOT_COUNT; i++)
		if (space->domains->slots[i].domain && space->domains->slots[i].domain->image_inode == inode)
			return &space->domains->slots[i];
	return NULL;
}

/* A library that is attached already may be asked for once by the application, and by libraries. */
static long attach(const struct request *request)
{
	struct space *space = current_process()->space;
	struct attachment *attachment = find_attached(space, request->inode);
	struct domain *domain = attachment ? attachment->domain : NULL;
	bool joined = !domain;
	long error = check_caller(request);

	if (!error && domain &&
	    (domain->shared != request->shared || (!request->from && attachment->by_application)))
		error = -EEXIST;
	if (!error)
		error = joined ? join(request, &domain) : check_domain(domain, request);
	if (error)
		return error;
	error = write_slots(domain, request);
	if (error && joined) {
		domain_leave(space, domain->slot);
		leave_all_uncalled(space);
	} else if (!error && !request->from) {
		space->domains->slots[domain->slot].by_application = true;
	}
	return error ? error : (long)domain->slot;
}

/* ---- system calls -----------------------------------------------------------------------------------------
 */

long sys_domain_attach(uint64_t path_address, unsigned flags, uint64_t interface, uint64_t slots,
                       unsigned count)
{
	struct space *space = current_process()->space;
	struct request request = {
	        .shared = flags & PORTCULLIS_SHARED, .interface = interface, .slots = slots, .count = count};
	char *path = kmalloc(PATH_MAX);
	long error = path ? copy_string_from_user(path, path_address, PATH_MAX) : -ENOMEM;

	current_thread()->attach_reason = NULL;
	if (error >= 0 && flags & ~PORTCULLIS_SHARED)
		error = -EINVAL;
	if (error >= 0)
		error = path_lookup(path, &request.inode);
	kfree(path);
	if (error)
		return error;
	if (request.inode->kind != INODE_FILE)
		error = -ENOEXEC;
	else if (inode_permission(request.inode, MAY_READ))
		error = -EACCES;
	else if (!domain_table_of(space))
		error = -ENOMEM;
	if (!error) {
		request.from = caller_of(space, slots);
		error = attach(&request);
	}
	inode_put(request.inode);
	return error;
}

long sys_domain_detach(unsigned slot)
{
	struct space *space = current_process()->space;
	long error;

	if (domain_inside())
		return -EPERM;
	if (slot >= DOMAIN_SLOT_COUNT || !space->domains || !space->domains->slots[slot].by_application)
		return -EINVAL;
	error = is_called(space, slot) ? -EBUSY : leave(space, slot);
	if (!error)
		leave_all_uncalled(space);
	return error;
}

long sys_domain_info(unsigned what, uint64_t to, size_t size, unsigned slot)
{
	const struct domain_table *table = current_process()->space->domains;
	const char *text;
	size_t length;

	if (what == PORTCULLIS_INFO_BACKEND)
		text = current_process()->backend->name;
	else if (what == PORTCULLIS_INFO_REASON)
		text = current_thread()->attach_reason;
	else if (what == PORTCULLIS_INFO_FAILURE && table && slot < DOMAIN_SLOT_COUNT &&
	         table->slots[slot].domain)
		text = table->slots[slot].domain->failure;
	else
		return -EINVAL;
	if (!size)
		return -EINVAL;
	if (!text)
		text = "";
	length = MIN(strlen(text), size - 1);
	if (copy_to_user(to, text, length) || copy_to_user(to + length, "", 1))
		return -EFAULT;
	return (long)length;
}
