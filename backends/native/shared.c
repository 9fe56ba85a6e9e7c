#include "native/served.h"
#include "native/shared.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
	unsigned number;
	unsigned owner;    /* index of the process whose private domain it is, 0: it is shared */
	int memory, image; /* memfds: the domain, each byte at its offset there; the image file's bytes */
	struct image_plan plan;
	uint64_t device, inode;
	uid_t owner_uid;
	struct portcullis_gate_data
	        *data; /* the library can change it: nothing is believed that is read there */
	bool ready, failed;
	bool started;              /* init has returned, ... */
	long result;               /* ... this */
	char why[NATIVE_WHY_SIZE]; /* a sentence on that, or none */
	unsigned initialiser;      /* index of the process, 0: none */
	enum state clients[BROKER_PROCESSES_MAX];
	bool calls[NATIVE_DOMAINS_MAX];
	bool calls_others; /* its server has attached to libraries */

	/* The helper that runs a teardown function. */
	pid_t undertaker; /* 0: there is none */
	unsigned torn;    /* index of the process whose departure is under way, 0: none is */
	time_t deadline;

	struct served served; /* where the backend has `remote` */
} domains[SHARED_DOMAINS_MAX];
static uint64_t last_id;

/* The shared domain of that number, or (index not 0) the private one of the process. NULL: there is none. */
static struct shared *lookup(unsigned number, unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].number == number &&
		    (!domains[i].owner || domains[i].owner == index))
			return &domains[i];
	return NULL;
}

static uint64_t base_of(const struct shared *domain)
{
	return PORTCULLIS_DOMAINS_START + domain->number * PORTCULLIS_DOMAIN_SIZE;
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
	served_end(&domain->served);
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX && !domain->owner; i++)
		domains[i].calls[domain->number] = false;
	memset(domain, 0, sizeof(*domain));
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
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (!domains[i].used)
			return &domains[i];
	return NULL;
}

/* Of a shared domain: from above, so that it is free in most processes. -1: all are taken. */
static int free_number(void)
{
	for (int number = NATIVE_DOMAINS_MAX - 1; number >= 0; number--)
		if (!lookup((unsigned)number, 0))
			return number;
	return -1;
}

/* `owner`: 0, or the process whose own `number` it is. */
static long create(int file, const struct stat *status, unsigned owner, unsigned number,
                   struct broker_answer *answer, struct shared **created)
{
	struct shared *domain = find_free();
	int chosen = owner ? (int)number : free_number();
	const char *wrong;
	long error;

	if (!domain || chosen < 0)
		return -ENOSPC;
	*domain = (struct shared){.used = true,
	                          .number = (unsigned)chosen,
	                          .owner = owner,
	                          .memory = -1,
	                          .image = -1,
	                          .device = status->st_dev,
	                          .inode = status->st_ino,

	                          .owner_uid = status->st_uid};
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

static struct shared *find(const struct stat *status, unsigned owner)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && !domains[i].failed && domains[i].owner == owner &&
		    domains[i].device == status->st_dev && domains[i].inode == status->st_ino)
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
	served_fail(&domain->served, why);
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
		return uid == domain->owner_uid;
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

static void write_client(struct shared *domain, const struct shared_process *process)
{
	unsigned index = process->index;

	domain->data->clients[index] =
	        (struct portcullis_client){++last_id, index, process->pid, process->uid, process->gid};
	set_threads(domain, index * BROKER_SLOTS, index, true);
}

/* 0 or -errno. */
static long add_client(struct shared *domain, const struct shared_process *process)
{
	long error = 0;

	write_client(domain, process);
	if (native_backend->remote)
		error = served_add(&domain->served, process->index, process->outer);
	domain->clients[process->index] = error ? NONE : ATTACHED;
	return error;
}

static void remove_client(struct shared *domain, unsigned index)
{
	domain->clients[index] = NONE;
	served_drop(&domain->served, index);
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

static long begin_server(struct shared *domain, const struct shared_process *first)
{
	const struct server_task task = {.plan = &domain->plan,
	                                 .number = domain->number,
	                                 .shared = !domain->owner,
	                                 .ready = domain->started,
	                                 .first = first->outer,
	                                 .memory = domain->memory};

	return served_begin(&domain->served, &task);
}

/* The domain's server calls init, for the first process that asks. 0: it has returned. */
static long start_server(struct shared *domain, const struct shared_process *process)
{
	long error = 0;

	if (domain->started)
		return domain->result;
	if (!domain->served.pid) {
		domain->initialiser = process->index;
		write_client(domain, process);
		set_threads(domain, 0, process->index, true);
		error = begin_server(domain, process);
	}
	return error ? error : SHARED_WAIT;
}

static long join(struct shared *domain, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2])
{
	bool remote = native_backend->remote;
	long error;

	if (domain->clients[process->index] != NONE)
		return domain->clients[process->index] == LEAVING ? SHARED_WAIT : -EEXIST;
	if ((!domain->ready && domain->initialiser && !remote) || is_deserted(domain))
		return SHARED_WAIT;
	error = remote ? start_server(domain, process) : 0;
	memcpy(answer->reason, domain->why, sizeof(answer->reason));
	if (!error)
		error = add_client(domain, process);
	if (error)
		return error;
	answer->initialise = !domain->ready && !remote;
	if (answer->initialise)
		domain->initialiser = process->index;
	answer->number = domain->number;
	answer->private = domain->owner;
	answer->first_slot = process->index * BROKER_SLOTS;
	answer->device = domain->device;
	answer->inode = domain->inode;
	for (unsigned i = 0; i < NATIVE_DOMAINS_MAX && !remote; i++)
		answer->calls[i] = domain->calls[i];
	descriptors[0] = remote ? domain->served.descriptors[process->index] : domain->memory;
	descriptors[1] = domain->image;
	return 0;
}

/* Stubs in a shared library lead to the same place in every process: all its clients must have what it calls.
 */
static long check_caller(const struct shared *from, struct broker_answer *answer)
{
	if (!from || count_clients(from) <= 1)
		return 0;
	snprintf(answer->reason, sizeof(answer->reason), SENTENCE_BUSY);
	return -EBUSY;
}

static long check(const struct shared *domain, const struct broker_request *request, uint32_t uid)
{
	const struct portcullis_image *image = &domain->plan.descriptor;

	if (!domain->owner && !may_share(domain, uid))
		return -EPERM;
	return image->interface == request->interface && image->entry_count == request->count ? 0 : -ESTALE;
}

static void note_caller(struct shared *from, const struct shared *domain, pid_t process)
{
	if (from)
		from->calls[domain->number] = true;
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].served.pid == process)
			domains[i].calls_others = true;
}

long shared_attach(int image, const struct broker_request *request, const struct shared_process *process,
                   struct broker_answer *answer, int descriptors[2])
{
	unsigned owner = request->private && native_backend->remote ? process->index : 0;
	struct shared *from = lookup(request->from, 0), *domain;
	struct stat status;
	long error;

	if (image < 0 || fstat(image, &status) < 0 || request->number > NATIVE_DOMAINS_MAX)
		return -EINVAL;
	error = check_caller(from, answer);
	domain = find(&status, owner);
	if (!error && !domain)
		error = create(image, &status, owner, request->number, answer, &domain);
	if (error)
		return error;
	error = check(domain, request, process->uid);
	if (!error)
		error = join(domain, process, answer, descriptors);
	if (!error)
		note_caller(from, domain, process->outer);
	else if (error != SHARED_WAIT && !count_clients(domain))
		destroy(domain);
	return error;
}

long shared_join(unsigned number, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2])
{
	struct shared *domain = lookup(number, 0);

	if (!domain)
		return -EINVAL;
	return may_share(domain, process->uid) ? join(domain, process, answer, descriptors) : -EPERM;
}

static void set_ready(struct shared *domain, long result)
{
	domain->initialiser = 0;
	domain->started = true;
	domain->result = result < 0 ? result : 0;
	domain->ready = result >= 0;
}

long shared_ready(unsigned number, const struct shared_process *process, long result)
{
	struct shared *domain = lookup(number, 0);

	if (!domain || domain->initialiser != process->index)
		return -EINVAL;
	set_ready(domain, result);
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
	_exit(map_and_tear_down(&domain->plan, domain->number, domain->memory, client_address(domain, index))
	              ? 1
	              : 0);
}

/* The next client's departure, unless one is under way. */
static void bury_next(struct shared *domain)
{
	unsigned index = 1;

	while (index < BROKER_PROCESSES_MAX && domain->clients[index] != LEAVING)
		index++;
	if (domain->torn || index == BROKER_PROCESSES_MAX)
		return;
	if (domain->failed || !domain->ready || (!domain->plan.teardown && !native_backend->remote)) {
		remove_client(domain, index);
		if (domain->used)
			bury_next(domain);
		return;
	}
	set_threads(domain, 0, index, true);
	domain->torn = index;
	domain->deadline = now() + TEARDOWN_SECONDS;
	if (native_backend->remote) {
		served_remove(&domain->served, index, client_address(domain, index));
		return;
	}
	domain->undertaker = fork();
	if (domain->undertaker == 0)
		tear_down(domain, index);
	if (domain->undertaker < 0) {
		domain->undertaker = 0;
		domain->torn = 0;
		fail(domain, "its teardown function could not be run");
		bury_next(domain);
	}
}

/* The departure that was under way is over. */
static void buried(struct shared *domain)
{
	unsigned index = domain->torn;

	domain->torn = 0;
	if (index)
		remove_client(domain, index);
	if (domain->used)
		bury_next(domain);
}

static void undertaker_ended(struct shared *domain, int status)
{
	domain->undertaker = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		fail(domain, "its teardown function did not return");
	else if (status)
		fail(domain, "its teardown function crashed");
	buried(domain);
}

static void server_ended(struct shared *domain, int status)
{
	char why[NATIVE_WHY_SIZE] = "its server could not be started";

	if (!WIFSIGNALED(status) && WEXITSTATUS(status) == SERVER_NO_COPIES)
		snprintf(why, sizeof(why), "its argument copies are not this version's");
	close(domain->served.control);
	domain->served.pid = 0;
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "its server was ended by signal %d (%s)", WTERMSIG(status),
		         strsignal(WTERMSIG(status)));
	if (domain->started)
		fail(domain, why);
	else
		set_ready(domain, -EINTR);
	memcpy(domain->why, why, sizeof(why));
	buried(domain);
}

void shared_reap(pid_t child, int status)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++) {
		if (domains[i].used && domains[i].undertaker == child)
			undertaker_ended(&domains[i], status);
		else if (domains[i].used && domains[i].served.pid == child)
			server_ended(&domains[i], status);
	}
}

int shared_control(unsigned domain)
{
	return domains[domain].used && domains[domain].served.pid ? domains[domain].served.control : -1;
}

void shared_hear(unsigned number)
{
	struct shared *domain = &domains[number];
	struct server_message message;

	if (shared_control(number) < 0 ||
	    recv(domain->served.control, &message, sizeof(message), MSG_DONTWAIT) != sizeof(message))
		return;
	if (message.kind == SERVER_READY && !domain->started)
		set_ready(domain, message.result);
	else if (message.kind == SERVER_REMOVED && message.index == domain->torn)
		buried(domain);
}

void shared_stop(void)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++) {
		if (domains[i].undertaker)
			kill(domains[i].undertaker, SIGKILL);
		served_end(&domains[i].served);
	}
}

bool shared_watch(void)
{
	bool busy = false;

	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++) {
		if (!domains[i].used || !domains[i].torn)
			continue;
		busy = true;
		if (now() > domains[i].deadline)
			kill(native_backend->remote ? domains[i].served.pid : domains[i].undertaker, SIGKILL);
	}
	return busy;
}

void shared_sweep(void)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].started && !count_clients(&domains[i]))
			destroy(&domains[i]);
}

static void leave(struct shared *domain, unsigned index)
{
	if (domain->clients[index] != ATTACHED)
		return;
	domain->clients[index] = LEAVING;
	bury_next(domain);
}

void shared_leave(unsigned number, unsigned index)
{
	struct shared *domain = lookup(number, index);

	if (domain)
		leave(domain, index);
}

bool shared_is_client(unsigned number, unsigned index)
{
	const struct shared *domain = lookup(number, index);

	return domain && domain->clients[index] != NONE;
}

bool shared_has_client(unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].clients[index] != NONE)
			return true;
	return false;
}

static void end(struct shared *domain, unsigned index)
{
	if (domain->clients[index] == RESERVED) {
		remove_client(domain, index);
		return;
	}
	if (native_backend->remote) /* its calls end in the server */
		domain->initialiser = domain->initialiser == index ? 0 : domain->initialiser;
	else if (domain->initialiser == index) /* others start it afresh */
		fail(domain, "its init function did not return");
	else if (domain->clients[index] == ATTACHED && is_inside(domain, index))
		fail(domain, "a process was killed inside");
	leave(domain, index);
}

void shared_end(unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used)
			end(&domains[i], index);
}

/* ---- children ---------------------------------------------------------------------------------------------
 */

static long copy_memory(int from, int to)
{
	static char bytes[65536];
	off_t at = 0, end;
	ssize_t size;

	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		end = lseek(from, at, SEEK_HOLE);
		while (at < end) {
			size = pread(from, bytes,
			             (size_t)(end - at) < sizeof(bytes) ? (size_t)(end - at) : sizeof(bytes),
			             at);
			if (size <= 0 || pwrite(to, bytes, (size_t)size, at) != size)
				return -ENOMEM;
			at += size;
		}
	}
	return errno == ENXIO ? 0 : -errno;
}

/* A private domain for the child, as its parent's is now. */
static long copy(const struct shared *original, unsigned child)
{
	const struct stat status = {
	        .st_dev = original->device, .st_ino = original->inode, .st_uid = original->owner_uid};
	struct broker_answer answer;
	struct shared *domain;
	long error = create(original->image, &status, child, original->number, &answer, &domain);

	if (error)
		return error;
	domain->ready = domain->started = true;
	domain->clients[child] = RESERVED;
	error = copy_memory(original->memory, domain->memory);
	if (error) {
		destroy(domain);
		return error;
	}
	memset(domain->data->clients, 0, sizeof(domain->data->clients));
	memset(domain->data->threads, 0, sizeof(domain->data->threads));
	domain->calls_others = original->calls_others;
	return 0;
}

long shared_reserve(unsigned parent, unsigned child)
{
	long count = 0, error = 0;

	for (unsigned i = 0; i < SHARED_DOMAINS_MAX && !error; i++) {
		if (!domains[i].used || domains[i].clients[parent] != ATTACHED)
			continue;
		if (domains[i].owner)
			error = copy(&domains[i], child);
		else
			domains[i].clients[child] = RESERVED;
		count++;
	}
	if (error)
		shared_end(child);
	return error ? error : count;
}

static void claim(struct shared *domain, const struct shared_process *child)
{
	bool failed = domain->owner && (domain->calls_others || begin_server(domain, child));

	if (add_client(domain, child))
		domain->clients[child->index] = NONE;
	if (failed)
		fail(domain, domain->calls_others ? "the copy of a library that calls others cannot be called"
		                                  : "its server could not be started");
}

void shared_claim(const struct shared_process *child)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (domains[i].used && domains[i].clients[child->index] == RESERVED)
			claim(&domains[i], child);
}

long shared_channel(unsigned number, unsigned index, int descriptors[2])
{
	const struct shared *domain = lookup(number, index);

	if (!domain || !domain->served.channels[index])
		return -EINVAL;
	descriptors[0] = domain->served.descriptors[index];
	descriptors[1] = domain->image;
	return 0;
}

void shared_fail(unsigned number, unsigned index, const char *why)
{
	struct shared *domain = lookup(number, index);

	if (domain && domain->clients[index] != NONE)
		fail(domain, why);
}
