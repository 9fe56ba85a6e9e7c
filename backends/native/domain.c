#include "native/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "native/broker.h"
#include "native/load.h"
#include "native/map.h"
#include "native/wire.h"

#define ARCH_SET_GS 0x1001 /* asm/prctl.h */

const struct native_backend *native_backend;

static struct native_domain domains[NATIVE_DOMAINS_MAX];
static uint64_t next_client = 1;
static char reason[NATIVE_WHY_SIZE]; /* of the last failed attach */
static uint64_t thread_page[1 + PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)];

static uint64_t image_base(const struct native_domain *domain)
{
	return domain->base + PORTCULLIS_IMAGE_OFFSET;
}

unsigned domain_number(const struct native_domain *domain)
{
	return (unsigned)(domain - domains);
}

struct native_domain *domain_numbered(unsigned number)
{
	return number < NATIVE_DOMAINS_MAX && domains[number].base ? &domains[number] : NULL;
}

uint64_t domain_function(const struct native_domain *domain, unsigned index)
{
	return image_base(domain) + image_entry(&domain->plan, index).function;
}

static uint64_t open_domain(const struct native_domain *domain)
{
	return native_backend->open ? native_backend->open(domain) : 0;
}

static void close_domain(const struct native_domain *domain, uint64_t opened)
{
	if (native_backend->close)
		native_backend->close(domain, opened);
}

/* For the runtime itself: on the stack in use, unless the backend has a better way. */
static long call_inside(const struct native_domain *domain, uint64_t function, uint64_t argument)
{
	uint64_t opened;
	long result;

	if (native_backend->call)
		return native_backend->call(domain, image_base(domain) + function, argument);
	opened = open_domain(domain);
	result = ((long (*)(uint64_t))(image_base(domain) + function))(argument);
	close_domain(domain, opened);
	return result;
}

long domain_thread_page(void)
{
	return native_call(SYS_arch_prctl, ARCH_SET_GS, (long)thread_page, 0, 0, 0, 0);
}

struct native_domain *domain_at(uint64_t address)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && address - domains[i].base < PORTCULLIS_DOMAIN_SIZE)
			return &domains[i];
	return NULL;
}

bool domain_holds(uint64_t address)
{
	return domain_at(address);
}

uint64_t domain_fixup(uint64_t instruction, uint64_t address)
{
	const struct native_domain *domain = domain_at(instruction);

	if (!domain || address - domain->base < PORTCULLIS_DOMAIN_SIZE ||
	    instruction < image_base(domain) + domain->plan.copy_start ||
	    instruction >= image_base(domain) + domain->plan.copy_end)
		return 0;
	return image_base(domain) + domain->plan.copy_fixup;
}

/* ---- one thread at a time ---------------------------------------------------------------------------------
 */

/* Init and teardown functions attach, too: the thread that has the lock may take it again. */
static struct {
	volatile int owner; /* its thread id, 0: free */
	unsigned depth;
} lock;

static int thread_id(void)
{
	return (int)native_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

void domain_lock(void)
{
	int self = thread_id(), none = 0;

	if (lock.owner != self)
		while (!__atomic_compare_exchange_n(&lock.owner, &none, self, false, __ATOMIC_ACQUIRE,
		                                    __ATOMIC_RELAXED)) {
			native_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
			none = 0;
		}
	lock.depth++;
}

void domain_unlock(void)
{
	if (--lock.depth == 0)
		__atomic_store_n(&lock.owner, 0, __ATOMIC_RELEASE);
}

/* ---- memory -----------------------------------------------------------------------------------------------
 */

static uint32_t identity(long call)
{
	return (uint32_t)native_call(call, 0, 0, 0, 0, 0, 0);
}

/* A private domain's one client, whatever the thread slot. */
static void fill_client(const struct native_domain *domain)
{
	domain_gate_data(domain)->clients[0] = (struct portcullis_client){
	        next_client++, 0, identity(SYS_getpid), identity(SYS_geteuid), identity(SYS_getegid)};
}

static void fill_gate_data(const struct native_domain *domain)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	struct portcullis_gate_data *data = domain_gate_data(domain);

	data->magic = PORTCULLIS_GATE_DATA_MAGIC;
	data->entry_count = image->entry_count;
	data->heap_limit = image->heap_limit;
	fill_client(domain);
	for (unsigned slot = 0; slot < PORTCULLIS_THREADS_MAX; slot++)
		data->threads[slot] = (struct portcullis_thread){
		        .stack_top = slot < domain->slot_count ? domain_stack_top(domain, slot) : 0,
		        .client = (uint64_t)&data->clients[0]};
}

static void forget(struct native_domain *domain)
{
	wire_leave(domain);
	if (domain->base)
		unmap_domain(domain);
	if (domain->plan.bytes)
		load_forget(domain->plan.bytes, domain->plan.size);
	if (native_backend->release)
		native_backend->release(domain);
	memset(domain, 0, sizeof(*domain));
}

/* ---- the broker -------------------------------------------------------------------------------------------
 */

/* The broker knows this process as a client. */
static bool is_brokered(const struct native_domain *domain)
{
	return domain->shared || native_backend->remote;
}

static struct broker_answer ask(enum broker_kind kind, unsigned number, int64_t value)
{
	struct broker_request request = {.kind = kind, .number = number, .value = value};
	struct broker_answer answer;

	broker_ask(&request, NULL, NULL, &answer);
	return answer;
}

/* The answer to an attach: memory and image of the shared domain. In the thread that asks (ask.c). */
static long take_shared(struct broker_answer *answer, int memory, int image)
{
	struct native_domain *domain = &domains[answer->number];
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
		forget(domain);
	return error;
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

static bool is_called(unsigned number)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && domains[i].calls[number])
			return true;
	return false;
}

/* Are threads inside, besides this one if it is let in by open_domain()? */
static bool is_entered(const struct native_domain *domain)
{
	unsigned inside = 0;
	uint64_t opened;

	if (native_backend->remote)
		return native_backend->remote->is_entered(domain);
	opened = open_domain(domain);
	for (unsigned i = 0; i < domain->slot_count; i++)
		inside += domain_is_inside(domain_gate(domain), domain->base, domain->first_slot + i);
	close_domain(domain, opened);
	return inside > (native_backend->open ? 1 : 0);
}

static void leave(struct native_domain *domain)
{
	if (is_brokered(domain))
		ask(BROKER_LEAVE, domain_number(domain), 0);
	else if (domain->plan.teardown)
		call_inside(domain, domain->plan.teardown, (uint64_t)&domain_gate_data(domain)->clients[0]);
	forget(domain);
}

/* Libraries that were attached because others called them, and now none does. */
static void leave_uncalled(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
			if (!domains[i].base || domains[i].by_application || is_called(i))
				continue;
			leave(&domains[i]);
			again = true; /* which may have been the only one that called another */
		}
	}
}

static long detach(long number)
{
	if (number < 0 || number >= (long)NATIVE_DOMAINS_MAX || !domains[number].base ||
	    !domains[number].by_application)
		return -EINVAL;
	if (is_called((unsigned)number) || is_entered(&domains[number]))
		return -EBUSY;
	leave(&domains[number]);
	leave_uncalled();
	return 0;
}

long domain_detach(long number, bool from_library)
{
	long error;

	if (from_library)
		return -EPERM;
	domain_lock();
	error = detach(number);
	domain_unlock();
	return error;
}

/* ---- attaching --------------------------------------------------------------------------------------------
 */

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
	int result = domain->plan.init ? (int)call_inside(domain, domain->plan.init, 0) : 0;

	return result < 0 ? result : 0;
}

void domain_reason(const char *why)
{
	memcpy(reason, why, strnlen(why, sizeof(reason) - 1));
}

static struct native_domain *find_free(void)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (!domains[i].base)
			return &domains[i];
	return NULL;
}

static struct native_domain *find_attached(uint64_t device, uint64_t inode)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && domains[i].device == device && domains[i].inode == inode)
			return &domains[i];
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
	fill_gate_data(domain);
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
		forget(domain);
	return error;
}

/* ---- shared domains ---- */

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
		error = domains[i].base ? 0 : join(&request, NULL, &callee);
		if (!error && native_backend->nest)
			error = native_backend->nest(domain, &domains[i]);
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
	domain = &domains[answer.number];
	if (answer.result < 0) {
		domain_reason(answer.result == -ENOTCONN ? "the run's broker cannot be reached"
		                                         : answer.reason);
		if (answer.first_slot)
			ask(BROKER_LEAVE, answer.number, 0);
		return answer.result;
	}
	thread_page[PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)] = domain->first_slot;
	error = native_backend->protect ? native_backend->protect(domain) : 0;
	if (!error && answer.initialise) {
		error = initialise(domain);
		ask(BROKER_READY, answer.number, error);
	} else if (!error) {
		error = join_callees(&answer, domain);
	}
	if (error)
		leave(domain);
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
		if (!domain->by_application && !is_called(domain_number(domain)))
			leave(domain);
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
	memset(reason, 0, sizeof(reason));
	request.from = domain_at((uint64_t)slots);
	result = attach(&request);
	if (result < 0 && lock.depth == 1) /* what its init function has attached to */
		leave_uncalled();
	domain_unlock();
	return result;
}

/* ---- children ---------------------------------------------------------------------------------------------
 */

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
	return native_backend->remote->connect(&domains[answer->number], channel);
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

	lock.owner = thread_id();
	if (ticket) {
		answer = ask(BROKER_CLAIM, 0, ticket);
		error = answer.result;
		thread_page[PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)] = answer.first_slot;
	}
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX && !error; i++) {
		struct native_domain *domain = &domains[i];
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
			opened = open_domain(domain);
			forget_threads(domain);
			fill_client(domain);
			close_domain(domain, opened);
		}
	}
	if (error) /* its parent has ended, or memory has: it is no client */
		native_call(SYS_kill, native_call(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGKILL, 0, 0, 0, 0);
}

static bool has_brokered(void)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].base && is_brokered(&domains[i]))
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
		ticket = ask(BROKER_FORK, 0, 0).result;
	child = ticket < 0 ? ticket : native_call(SYS_clone, (long)flags, 0, parent_id, child_id, storage, 0);
	if (child == 0)
		become_child(ticket);
	else if (ticket > 0)
		ask(child < 0 ? BROKER_CANCEL : BROKER_BORN, child < 0 ? 0 : (unsigned)child, ticket);
	native_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof(mask), 0, 0);
	domain_unlock();
	return child;
}

/* ---- servers ----------------------------------------------------------------------------------------------
 */

struct native_domain *domain_adopt(const struct image_plan *plan, unsigned number, bool shared, int memory)
{
	struct native_domain *domain = &domains[number];

	*domain = (struct native_domain){.base = PORTCULLIS_DOMAINS_START + number * PORTCULLIS_DOMAIN_SIZE,
	                                 .plan = *plan,
	                                 .shared = shared,
	                                 .slot_count = 1,
	                                 .by_application = true};
	return map_domain(domain, memory) ? NULL : domain;
}

/* ---- what became of them ----------------------------------------------------------------------------------
 */

void domain_fail(const struct native_domain *domain, const char *why)
{
	struct broker_request request = {.kind = BROKER_FAIL, .number = domain_number(domain)};
	struct broker_answer answer;
	uint64_t opened;

	domain_lock();
	if (domain->shared) {
		memcpy(request.text, why, strnlen(why, sizeof(request.text) - 1));
		broker_ask(&request, NULL, NULL, &answer);
	} else {
		opened = open_domain(domain);
		memcpy(domain_gate(domain)->why, why, strnlen(why, NATIVE_WHY_SIZE - 1));
		domain_close_gate(domain_gate(domain));
		close_domain(domain, opened);
	}
	domain_unlock();
}

/* Of a domain that has failed: a copy, for its memory may be closed. */
static void read_failure(const struct native_domain *domain, char text[NATIVE_WHY_SIZE])
{
	uint64_t opened;

	if (native_backend->remote) {
		native_backend->remote->read_failure(domain, text);
		return;
	}
	opened = open_domain(domain);
	if (__atomic_load_n(&domain_gate(domain)->failed, __ATOMIC_ACQUIRE))
		memcpy(text, domain_gate(domain)->why, NATIVE_WHY_SIZE);
	close_domain(domain, opened);
}

long domain_info(unsigned what, char *to, size_t size, long number)
{
	char why[NATIVE_WHY_SIZE] = "";
	const char *text = why;
	size_t length;
	long error;

	if (what == PORTCULLIS_INFO_BACKEND)
		text = native_backend->name;
	else if (what == PORTCULLIS_INFO_REASON)
		text = reason;
	else if (what == PORTCULLIS_INFO_FAILURE && number >= 0 && number < (long)NATIVE_DOMAINS_MAX &&
	         domains[number].base)
		read_failure(&domains[number], why);
	else
		return -EINVAL;
	if (!size)
		return -EINVAL;
	length = strnlen(text, size - 1);
	error = user_write(to, text, length);
	if (!error)
		error = user_write(to + length, "", 1);
	return error ? error : (long)length;
}
