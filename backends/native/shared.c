#include "native/shared.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "native/load.h"
#include "native/map.h"

#define TEARDOWN_SECONDS 5
#define SENTENCE_BUSY    "its library has several clients"

enum state { NONE, RESERVED, ATTACHED, LEAVING };

static struct shared {
	bool used;
	int memory, image; /* memfds: the domain, each byte at its offset there; the image file's bytes */
	struct image_plan plan;
	uint64_t device, inode;
	uid_t owner;
	struct portcullis_gate_data
	        *data; /* the library can change it: nothing is believed that is read there */
	bool ready, failed;
	unsigned initialiser; /* index of the process, 0: none */
	enum state clients[BROKER_PROCESSES_MAX];
	uint64_t ids[BROKER_PROCESSES_MAX];
	bool calls[NATIVE_DOMAINS_MAX];

	/* The helper that runs a teardown function. */
	pid_t undertaker; /* 0: there is none */
	unsigned torn;    /* index of the process that leaves */
	time_t deadline;
} domains[NATIVE_DOMAINS_MAX];
static uint64_t last_id;

static uint64_t base_of(const struct shared *domain)
{
	return PORTCULLIS_DOMAINS_START + (uint64_t)(domain - domains) * PORTCULLIS_DOMAIN_SIZE;
}

static uint64_t client_address(const struct shared *domain, unsigned index)
{
	return base_of(domain) + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS +
	       index * sizeof(struct portcullis_client);
}

static struct native_gate *gate_of(const struct shared *domain)
{
	return (struct native_gate *)((char *)domain->data + PORTCULLIS_GATE_DATA_BACKEND);
}

static unsigned count_clients(const struct shared *domain)
{
	unsigned count = 0;

	for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++)
		count += domain->clients[i] != NONE;
	return count;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* ---- life of a domain -------------------------------------------------------------------------------------
 */

static void destroy(struct shared *domain)
{
	if (domain->memory >= 0)
		close(domain->memory);
	if (domain->image >= 0)
		close(domain->image);
	if (domain->data)
		munmap(domain->data, PORTCULLIS_GATE_DATA_SIZE);
	if (domain->plan.bytes)
		load_forget(domain->plan.bytes, domain->plan.size);
	memset(domain, 0, sizeof(*domain));
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		domains[i].calls[domain - domains] = false;
}

static long make_image(struct shared *domain)
{
	size_t done = 0;

	domain->image = memfd_create("image", MFD_CLOEXEC);
	if (domain->image < 0)
		return -errno;
	while (done < domain->plan.size) {
		ssize_t size = write(domain->image, domain->plan.bytes + done, domain->plan.size - done);

		if (size <= 0)
			return size ? -errno : -EIO;
		done += (size_t)size;
	}
	return 0;
}

static long make_memory(struct shared *domain)
{
	const struct portcullis_image *image = &domain->plan.descriptor;
	char *at;

	domain->memory = memfd_create("domain", MFD_CLOEXEC);
	if (domain->memory < 0 ||
	    ftruncate(domain->memory, (off_t)(PORTCULLIS_HEAP_OFFSET + image->heap_limit)) < 0)
		return -errno;
	at = mmap(NULL, domain->plan.memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, domain->memory,
	          PORTCULLIS_IMAGE_OFFSET);
	if (at == MAP_FAILED)
		return -errno;
	load_segments(&domain->plan, at, base_of(domain) + PORTCULLIS_IMAGE_OFFSET);
	munmap(at, domain->plan.memory_size);
	at = mmap(NULL, PORTCULLIS_GATE_DATA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, domain->memory,
	          PORTCULLIS_GATE_DATA_OFFSET);
	if (at == MAP_FAILED)
		return -errno;
	domain->data = (struct portcullis_gate_data *)at;
	domain->data->magic = PORTCULLIS_GATE_DATA_MAGIC;
	domain->data->entry_count = image->entry_count;
	domain->data->heap_limit = image->heap_limit;
	return 0;
}

static struct shared *find_free(void)
{
	for (unsigned i = NATIVE_DOMAINS_MAX; i-- > 0;)
		if (!domains[i].used)
			return &domains[i];
	return NULL;
}

static long create(int file, const struct stat *status, struct broker_answer *answer, struct shared **created)
{
	struct shared *domain = find_free();
	const char *wrong;
	long error;

	if (!domain)
		return -ENOSPC;
	*domain = (struct shared){.used = true,
	                          .memory = -1,
	                          .image = -1,
	                          .device = status->st_dev,
	                          .inode = status->st_ino,
	                          .owner = status->st_uid};
	error = load_read(file, &domain->plan.bytes, &domain->plan.size);
	if (!error) {
		wrong = image_parse(domain->plan.bytes, domain->plan.size, &domain->plan);
		if (wrong) {
			snprintf(answer->reason, sizeof(answer->reason), "%s", wrong);
			error = -ENOEXEC;
		}
	}
	if (!error)
		error = make_image(domain);
	if (!error)
		error = make_memory(domain);
	if (error)
		destroy(domain);
	*created = domain;
	return error;
}

static struct shared *find(const struct stat *status)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].used && !domains[i].failed && domains[i].device == status->st_dev &&
		    domains[i].inode == status->st_ino)
			return &domains[i];
	return NULL;
}

/* All entrances return PORTCULLIS_FAILED from now on; who attaches gets a fresh domain. */
static void fail(struct shared *domain, const char *why)
{
	struct native_gate *gate = gate_of(domain);

	if (domain->failed)
		return;
	domain->failed = true;
	snprintf(gate->why, sizeof(gate->why), "%s", why);
	domain_close_gate(gate);
}

/* ---- clients ----------------------------------------------------------------------------------------------
 */

static bool may_share(const struct shared *domain, uint32_t uid)
{
	const struct portcullis_image *image = &domain->plan.descriptor;

	switch (image->share) {
	case PORTCULLIS_SHARE_ANY:
		return true;
	case PORTCULLIS_SHARE_OWNER:
		return uid == domain->owner;
	case PORTCULLIS_SHARE_USERS:
		for (unsigned i = 0; i < image->share_user_count; i++)
			if (image->share_users[i] == uid)
				return true;
		return false;
	default:
		return false;
	}
}

/* Leads the thread slots that begin at `first` to the client `index`, or (false) to nobody. */
static void set_threads(struct shared *domain, unsigned first, unsigned index, bool there)
{
	for (unsigned slot = first; slot < first + BROKER_SLOTS; slot++) {
		struct portcullis_thread thread = {0};

		if (there)
			thread = (struct portcullis_thread){
			        .stack_top = base_of(domain) + PORTCULLIS_STACKS_OFFSET +
			                     (slot + 1UL) * PORTCULLIS_STACK_STRIDE,
			        .client = client_address(domain, index)};
		domain->data->threads[slot] = thread;
		gate_of(domain)->inside[slot] = 0;
	}
}

static void add_client(struct shared *domain, const struct shared_process *process)
{
	unsigned index = process->index;

	domain->clients[index] = ATTACHED;
	domain->ids[index] = ++last_id;
	domain->data->clients[index] =
	        (struct portcullis_client){last_id, index, process->pid, process->uid, process->gid};
	set_threads(domain, index * BROKER_SLOTS, index, true);
}

static void remove_client(struct shared *domain, unsigned index)
{
	domain->clients[index] = NONE;
	if (domain->initialiser == index)
		domain->initialiser = 0;
	domain->data->clients[index] = (struct portcullis_client){0};
	set_threads(domain, index * BROKER_SLOTS, index, false);
	if (!count_clients(domain))
		destroy(domain);
}

static bool is_inside(const struct shared *domain, unsigned index)
{
	for (unsigned i = 0; i < BROKER_SLOTS; i++)
		if (domain_is_inside(gate_of(domain), base_of(domain), index * BROKER_SLOTS + i))
			return true;
	return false;
}

/* ---- attaching --------------------------------------------------------------------------------------------
 */

/* Its last clients are about to leave: then it goes, too. */
static bool is_deserted(const struct shared *domain)
{
	bool leaving = false;

	for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++) {
		if (domain->clients[i] == RESERVED || domain->clients[i] == ATTACHED)
			return false;
		leaving |= domain->clients[i] == LEAVING;
	}
	return leaving;
}

static long join(struct shared *domain, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2])
{
	if (domain->clients[process->index] != NONE)
		return -EEXIST;
	if ((!domain->ready && domain->initialiser) || is_deserted(domain))
		return SHARED_WAIT;
	answer->initialise = !domain->ready;
	if (!domain->ready)
		domain->initialiser = process->index;
	add_client(domain, process);
	answer->number = (uint32_t)(domain - domains);
	answer->first_slot = process->index * BROKER_SLOTS;
	answer->device = domain->device;
	answer->inode = domain->inode;
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		answer->calls[i] = domain->calls[i];
	descriptors[0] = domain->memory;
	descriptors[1] = domain->image;
	return 0;
}

/* Stubs in a shared library lead to the same place in every process: all its clients must have what it calls.
 */
static long check_caller(unsigned from, struct broker_answer *answer)
{
	if (from >= NATIVE_DOMAINS_MAX || !domains[from].used || count_clients(&domains[from]) <= 1)
		return 0;
	snprintf(answer->reason, sizeof(answer->reason), SENTENCE_BUSY);
	return -EBUSY;
}

static long check(const struct shared *domain, const struct broker_request *request, uint32_t uid)
{
	const struct portcullis_image *image = &domain->plan.descriptor;

	if (!may_share(domain, uid))
		return -EPERM;
	return image->interface == request->interface && image->entry_count == request->count ? 0 : -ESTALE;
}

long shared_attach(int image, const struct broker_request *request, const struct shared_process *process,
                   struct broker_answer *answer, int descriptors[2])
{
	struct shared *domain;
	struct stat status;
	long error;

	if (image < 0 || fstat(image, &status) < 0)
		return -EINVAL;
	error = check_caller(request->number, answer);
	domain = find(&status);
	if (!error && !domain)
		error = create(image, &status, answer, &domain);
	if (error)
		return error;
	error = check(domain, request, process->uid);
	if (!error)
		error = join(domain, process, answer, descriptors);
	if (error && !count_clients(domain))
		destroy(domain);
	if (!error && request->number < NATIVE_DOMAINS_MAX && domains[request->number].used)
		domains[request->number].calls[domain - domains] = true;
	return error;
}

long shared_join(unsigned number, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2])
{
	if (number >= NATIVE_DOMAINS_MAX || !domains[number].used)
		return -EINVAL;
	if (!may_share(&domains[number], process->uid))
		return -EPERM;
	return join(&domains[number], process, answer, descriptors);
}

long shared_ready(unsigned number, const struct shared_process *process, long result)
{
	struct shared *domain = &domains[number];

	if (number >= NATIVE_DOMAINS_MAX || !domain->used || domain->initialiser != process->index)
		return -EINVAL;
	domain->initialiser = 0;
	domain->ready = result >= 0;
	if (result < 0)
		remove_client(domain, process->index);
	return 0;
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

static _Noreturn void tear_down(const struct shared *domain, unsigned index)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	_exit(map_and_tear_down(&domain->plan, (unsigned)(domain - domains), domain->memory,
	                        client_address(domain, index))
	              ? 1
	              : 0);
}

/* The next client's departure, unless one is under way. */
static void bury_next(struct shared *domain)
{
	unsigned index = 1;

	while (index < BROKER_PROCESSES_MAX && domain->clients[index] != LEAVING)
		index++;
	if (domain->undertaker || index == BROKER_PROCESSES_MAX)
		return;
	if (domain->failed || !domain->ready || !domain->plan.teardown) {
		remove_client(domain, index);
		if (domain->used)
			bury_next(domain);
		return;
	}
	set_threads(domain, 0, index, true);
	domain->torn = index;
	domain->deadline = now() + TEARDOWN_SECONDS;
	domain->undertaker = fork();
	if (domain->undertaker == 0)
		tear_down(domain, index);
	if (domain->undertaker < 0) {
		domain->undertaker = 0;
		fail(domain, "its teardown function could not be run");
		bury_next(domain);
	}
}

void shared_reap(pid_t child, int status)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
		struct shared *domain = &domains[i];

		if (!domain->used || domain->undertaker != child)
			continue;
		domain->undertaker = 0;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			fail(domain, "its teardown function did not return");
		else if (status)
			fail(domain, "its teardown function crashed");
		remove_client(domain, domain->torn);
		if (domain->used)
			bury_next(domain);
	}
}

bool shared_watch(void)
{
	bool busy = false;

	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
		if (!domains[i].used || !domains[i].undertaker)
			continue;
		busy = true;
		if (now() > domains[i].deadline)
			kill(domains[i].undertaker, SIGKILL);
	}
	return busy;
}

void shared_leave(unsigned number, unsigned index)
{
	if (number >= NATIVE_DOMAINS_MAX || !domains[number].used ||
	    domains[number].clients[index] != ATTACHED)
		return;
	domains[number].clients[index] = LEAVING;
	bury_next(&domains[number]);
}

bool shared_is_client(unsigned number, unsigned index)
{
	return number < NATIVE_DOMAINS_MAX && domains[number].used && domains[number].clients[index] != NONE;
}

void shared_end(unsigned index)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++) {
		struct shared *domain = &domains[i];

		if (!domain->used)
			continue;
		if (domain->clients[index] == RESERVED) {
			remove_client(domain, index);
			continue;
		}
		if (domain->initialiser == index) /* others start it afresh */
			fail(domain, "its init function did not return");
		else if (domain->clients[index] == ATTACHED && is_inside(domain, index))
			fail(domain, "a process was killed inside");
		shared_leave(i, index);
	}
}

/* ---- children ---------------------------------------------------------------------------------------------
 */

long shared_reserve(unsigned parent, unsigned child)
{
	long count = 0;

	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].clients[parent] == ATTACHED) {
			domains[i].clients[child] = RESERVED;
			count++;
		}
	return count;
}

void shared_claim(const struct shared_process *child)
{
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].clients[child->index] == RESERVED)
			add_client(&domains[i], child);
}

void shared_fail(unsigned number, unsigned index, const char *why)
{
	if (shared_is_client(number, index))
		fail(&domains[number], why);
}
