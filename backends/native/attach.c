/* Attaching to a library: a private domain, or the broker's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "native/load.h"
#include "native/map.h"
#include "native/table.h"

/* What is asked for. */
struct request {
	const char *path;
	bool shared;
	uint64_t interface;
	uint64_t *slots;
	unsigned count;
	struct native_domain *from; /* the library whose stubs they are, NULL: the application's */
};

/* A private copy of the file, which nobody else can change. */
static long read_image(const char *path, struct native_domain *domain)
{
	long file = native_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0, 0);
	struct stat status;
	long error;

	if (file < 0)
		return file;
	error = native_call(SYS_fstat, file, (long)&status, 0, 0, 0, 0);
	if (!error)
		error = load_read((int)file, &domain->plan.bytes, &domain->plan.size);
	native_call(SYS_close, file, 0, 0, 0, 0, 0);
	domain->device = status.st_dev;
	domain->inode = status.st_ino;
	return error;
}

static long check(const struct native_domain *domain, const struct request *request)
{
	const struct portcullis_image *image = &domain->plan.descriptor;

	return image->interface == request->interface && image->entry_count == request->count ? 0 : -ESTALE;
}

static long initialise(struct native_domain *domain)
{
	int result = domain->plan.init ? (int)table_call(domain, domain->plan.init, 0) : 0;

	return result < 0 ? result : 0;
}

static struct native_domain *find_free(void)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (!native_domains[i].base)
			return &native_domains[i];
	return NULL;
}

static struct native_domain *find_attached(uint64_t device, uint64_t inode)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (native_domains[i].base && native_domains[i].device == device &&
		    native_domains[i].inode == inode)
			return &native_domains[i];
	return NULL;
}

/* A library that is attached already may be asked for once by the application, and by libraries. */
static long check_attached(const struct native_domain *domain, const struct request *request)
{
	if (domain->shared != request->shared || (!request->from && domain->by_application))
		return -EEXIST;
	return check(domain, request);
}

/* ---- private domains ---- */

/* A new domain at `domain`, from the image that read_image() has read there. */
static long create(struct native_domain *domain, const struct request *request)
{
	const char *wrong = image_parse(domain->plan.bytes, domain->plan.size, &domain->plan);
	long error;

	if (wrong) {
		domain_reason(wrong);
		return -ENOEXEC;
	}
	error = check(domain, request);
	if (error)
		return error;
	domain->base = PORTCULLIS_DOMAINS_START + domain_number(domain) * PORTCULLIS_DOMAIN_SIZE;
	domain->slot_count = NATIVE_PRIVATE_SLOTS;
	error = map_domain(domain, -1);
	if (error)
		return error;
	table_fill(domain);
	if (native_backend->protect)
		error = native_backend->protect(domain);
	return error ? error : initialise(domain);
}

static long find_or_create(const struct request *request, struct native_domain **found)
{
	struct native_domain fresh = {0}, *domain = find_free();
	long error = read_image(request->path, &fresh);

	if (error)
		return error;
	*found = find_attached(fresh.device, fresh.inode);
	if (*found || !domain) {
		load_forget(fresh.plan.bytes, fresh.plan.size);
		return *found ? check_attached(*found, request) : -ENOSPC;
	}
	*domain = fresh;
	*found = domain;
	error = create(domain, request);
	if (error)
		table_forget(domain);
	return error;
}

/* ---- shared domains ---- */

/* The answer to an attach: memory and image of the shared domain. In the thread that asks (ask.c). */
static long take_shared(struct broker_answer *answer, int memory, int image)
{
	struct native_domain *domain = &native_domains[answer->number];
	const char *wrong;
	long error;

	if (domain->base)
		return -ENOSPC;
	*domain = (struct native_domain){.base = PORTCULLIS_DOMAINS_START +
	                                         answer->number * PORTCULLIS_DOMAIN_SIZE,
	                                 .device = answer->device,
	                                 .inode = answer->inode,
	                                 .shared = true,
	                                 .first_slot = answer->first_slot,
	                                 .slot_count = BROKER_SLOTS};
	error = load_read(image, &domain->plan.bytes, &domain->plan.size);
	if (!error) {
		wrong = image_parse(domain->plan.bytes, domain->plan.size, &domain->plan);
		error = wrong                    ? -ENOEXEC
		        : native_backend->remote ? native_backend->remote->connect(domain, memory)
		                                 : map_domain(domain, memory);
	}
	if (error)
		table_forget(domain);
	return error;
}

static long join(struct broker_request *request, const char *path, struct native_domain **joined);

/* A library that has been initialised calls these: this process has to have them, too. */
static long join_callees(const struct broker_answer *answer, struct native_domain *domain)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
		struct broker_request request = {.kind = BROKER_JOIN, .number = i};
		struct native_domain *callee;
		long error;

		if (!answer->calls[i])
			continue;
		error = native_domains[i].base ? 0 : join(&request, NULL, &callee);
		if (!error && native_backend->nest)
			error = native_backend->nest(domain, &native_domains[i]);
		if (error)
			return error;
		domain->calls[i] = true;
	}
	return 0;
}

static long join(struct broker_request *request, const char *path, struct native_domain **joined)
{
	struct broker_answer answer;
	struct native_domain *domain;
	long error;

	broker_ask(request, path, take_shared, &answer);
	domain = &native_domains[answer.number];
	if (answer.result < 0) {
		domain_reason(answer.result == -ENOTCONN ? "the run's broker cannot be reached"
		                                         : answer.reason);
		if (answer.first_slot)
			table_ask(BROKER_LEAVE, answer.number, 0);
		return answer.result;
	}
	table_set_slot(domain->first_slot);
	error = native_backend->protect ? native_backend->protect(domain) : 0;
	if (!error && answer.initialise) {
		error = initialise(domain);
		table_ask(BROKER_READY, answer.number, error);
	} else if (!error) {
		error = join_callees(&answer, domain);
	}
	if (error)
		table_leave(domain);
	*joined = domain;
	return error;
}

static long find_or_join(const struct request *wanted, struct native_domain **found)
{
	const struct native_domain *free = find_free();
	struct broker_request request = {
	        .kind = BROKER_ATTACH,
	        .number = free ? domain_number(free) : BROKER_NO_DOMAIN,
	        .from = wanted->from && wanted->from->shared ? domain_number(wanted->from) : BROKER_NO_DOMAIN,
	        .private = !wanted->shared,
	        .count = wanted->count,
	        .interface = wanted->interface};
	struct stat status;
	long error = native_call(SYS_newfstatat, AT_FDCWD, (long)wanted->path, (long)&status, 0, 0, 0);

	if (error)
		return error;
	*found = find_attached(status.st_dev, status.st_ino);
	if (*found)
		return check_attached(*found, wanted);
	return free ? join(&request, wanted->path, found) : -ENOSPC;
}

/* ---- the system call ---- */

static uint64_t entry_address(const struct native_domain *from, const struct native_domain *domain,
                              unsigned index)
{
	if (from && native_backend->nested_entry)
		return native_backend->nested_entry(from, domain, index);
	return native_backend->entry ? native_backend->entry(domain, index) : domain_function(domain, index);
}

static long attach(const struct request *request)
{
	struct native_domain *domain;
	long error;

	if (request->from && request->from->shared && !request->shared)
		return -EPERM;
	error = request->shared || native_backend->remote ? find_or_join(request, &domain)
	                                                  : find_or_create(request, &domain);
	if (error)
		return error;
	if (request->from && native_backend->nest)
		error = native_backend->nest(request->from, domain);
	for (unsigned i = 0; i < request->count && !error; i++) {
		uint64_t entry = entry_address(request->from, domain, i);

		error = user_write(&request->slots[i], &entry, sizeof(entry));
	}
	if (error) {
		if (!domain->by_application && !table_is_called(domain_number(domain)))
			table_leave(domain);
		return error;
	}
	if (request->from)
		request->from->calls[domain_number(domain)] = true;
	else
		domain->by_application = true;
	return domain_number(domain);
}

long domain_attach(const char *path, unsigned flags, uint64_t interface, uint64_t *slots, unsigned count)
{
	struct request request = {path, flags & PORTCULLIS_SHARED, interface, slots, count, NULL};
	long result;

	if (flags & ~PORTCULLIS_SHARED)
		return -EINVAL;
	domain_lock();
	domain_reason("");
	request.from = domain_at((uint64_t)slots);
	result = attach(&request);
	if (result < 0 && table_lock_depth() == 1) /* what its init function has attached to */
		table_leave_uncalled();
	domain_unlock();
	return result;
}
