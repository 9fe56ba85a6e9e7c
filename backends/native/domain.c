#include "native/domain.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "native/load.h"
#include "native/map.h"
#include "native/table.h"
#include "native/wire.h"

#define ARCH_SET_GS 0x1001 /* asm/prctl.h */

const struct native_backend *native_backend;

struct native_domain native_domains[NATIVE_DOMAINS_MAX];
static uint64_t next_client = 1;
static char reason[NATIVE_WHY_SIZE]; /* of the last failed attach */
static uint64_t thread_page[1 + PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)];

static uint64_t image_base(const struct native_domain *domain)
{
	return domain->base + PORTCULLIS_IMAGE_OFFSET;
}

unsigned domain_number(const struct native_domain *domain)
{
	return (unsigned)(domain - native_domains);
}

struct native_domain *domain_numbered(unsigned number)
{
	return number < NATIVE_DOMAINS_MAX && native_domains[number].base ? &native_domains[number] : NULL;
}

uint64_t domain_function(const struct native_domain *domain, unsigned index)
{
	return image_base(domain) + image_entry(&domain->plan, index).function;
}

uint64_t table_open(const struct native_domain *domain)
{
	return native_backend->open ? native_backend->open(domain) : 0;
}

void table_close(const struct native_domain *domain, uint64_t opened)
{
	if (native_backend->close)
		native_backend->close(domain, opened);
}

/* For the runtime itself: on the stack in use, unless the backend has a better way. */
long table_call(const struct native_domain *domain, uint64_t function, uint64_t argument)
{
	uint64_t opened;
	long result;

	if (native_backend->call)
		return native_backend->call(domain, image_base(domain) + function, argument);
	opened = table_open(domain);
	result = ((long (*)(uint64_t))(image_base(domain) + function))(argument);
	table_close(domain, opened);
	return result;
}

void table_set_slot(unsigned slot)
{
	thread_page[PORTCULLIS_THREAD_PAGE_SLOT / sizeof(uint64_t)] = slot;
}

long domain_thread_page(void)
{
	return native_call(SYS_arch_prctl, ARCH_SET_GS, (long)thread_page, 0, 0, 0, 0);
}

struct native_domain *domain_at(uint64_t address)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (native_domains[i].base && address - native_domains[i].base < PORTCULLIS_DOMAIN_SIZE)
			return &native_domains[i];
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

void domain_reason(const char *why)
{
	memset(reason, 0, sizeof(reason));
	memcpy(reason, why, strnlen(why, sizeof(reason) - 1));
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

unsigned table_lock_depth(void)
{
	return lock.depth;
}

void table_inherit_lock(void)
{
	lock.owner = thread_id();
}

/* ---- memory -----------------------------------------------------------------------------------------------
 */

static uint32_t identity(long call)
{
	return (uint32_t)native_call(call, 0, 0, 0, 0, 0, 0);
}

/* A private domain's one client, whatever the thread slot. */
void table_fill_client(const struct native_domain *domain)
{
	domain_gate_data(domain)->clients[0] = (struct portcullis_client){
	        next_client++, 0, identity(SYS_getpid), identity(SYS_geteuid), identity(SYS_getegid)};
}

void table_fill(const struct native_domain *domain)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	struct portcullis_gate_data *data = domain_gate_data(domain);

	data->magic = PORTCULLIS_GATE_DATA_MAGIC;
	data->entry_count = image->entry_count;
	data->heap_limit = image->heap_limit;
	table_fill_client(domain);
	for (unsigned slot = 0; slot < PORTCULLIS_THREADS_MAX; slot++)
		data->threads[slot] = (struct portcullis_thread){
		        .stack_top = slot < domain->slot_count ? domain_stack_top(domain, slot) : 0,
		        .client = (uint64_t)&data->clients[0]};
}

void table_forget(struct native_domain *domain)
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
bool table_is_brokered(const struct native_domain *domain)
{
	return domain->shared || native_backend->remote;
}

struct broker_answer table_ask(enum broker_kind kind, unsigned number, int64_t value)
{
	struct broker_request request = {.kind = kind, .number = number, .value = value};
	struct broker_answer answer;

	broker_ask(&request, NULL, NULL, &answer);
	return answer;
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

bool table_is_called(unsigned number)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (native_domains[i].base && native_domains[i].calls[number])
			return true;
	return false;
}

/* Are threads inside, besides this one if it is let in by table_open()? */
static bool is_entered(const struct native_domain *domain)
{
	unsigned inside = 0;
	uint64_t opened;

	if (native_backend->remote)
		return native_backend->remote->is_entered(domain);
	opened = table_open(domain);
	for (unsigned i = 0; i < domain->slot_count; i++)
		inside += domain_is_inside(domain_gate(domain), domain->base, domain->first_slot + i);
	table_close(domain, opened);
	return inside > (native_backend->open ? 1 : 0);
}

void table_leave(struct native_domain *domain)
{
	if (table_is_brokered(domain))
		table_ask(BROKER_LEAVE, domain_number(domain), 0);
	else if (domain->plan.teardown)
		table_call(domain, domain->plan.teardown, (uint64_t)&domain_gate_data(domain)->clients[0]);
	table_forget(domain);
}

/* Libraries that were attached because others called them, and now none does. */
void table_leave_uncalled(void)
{
	bool again = true;

	while (again) {
		again = false;
		for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
			if (!native_domains[i].base || native_domains[i].by_application || table_is_called(i))
				continue;
			table_leave(&native_domains[i]);
			again = true; /* which may have been the only one that called another */
		}
	}
}

static long detach(long number)
{
	if (number < 0 || number >= (long)NATIVE_DOMAINS_MAX || !native_domains[number].base ||
	    !native_domains[number].by_application)
		return -EINVAL;
	if (table_is_called((unsigned)number) || is_entered(&native_domains[number]))
		return -EBUSY;
	table_leave(&native_domains[number]);
	table_leave_uncalled();
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

/* ---- servers ----------------------------------------------------------------------------------------------
 */

struct native_domain *domain_adopt(const struct image_plan *plan, unsigned number, bool shared, int memory)
{
	struct native_domain *domain = &native_domains[number];

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
		opened = table_open(domain);
		memcpy(domain_gate(domain)->why, why, strnlen(why, NATIVE_WHY_SIZE - 1));
		domain_close_gate(domain_gate(domain));
		table_close(domain, opened);
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
	opened = table_open(domain);
	if (__atomic_load_n(&domain_gate(domain)->failed, __ATOMIC_ACQUIRE))
		memcpy(text, domain_gate(domain)->why, NATIVE_WHY_SIZE);
	table_close(domain, opened);
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
	         native_domains[number].base)
		read_failure(&native_domains[number], why);
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
