#include "native/shared_domain.h"

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

/* ---- attaching --------------------------------------------------------------------------------------------
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
	                                 .device = domain->device,
	                                 .inode = domain->inode,
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
		shared_write(domain, process);
		shared_set_threads(domain, 0, process->index, true);
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
		error = shared_add(domain, process);
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
	if (!from || shared_count(from) <= 1)
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
		if (shared_domains[i].used && shared_domains[i].served.pid == process)
			shared_domains[i].calls_others = true;
}

long shared_attach(int image, const struct broker_request *request, const struct shared_process *process,
                   struct broker_answer *answer, int descriptors[2])
{
	unsigned owner = request->private && native_backend->remote ? process->index : 0;
	struct shared *from = shared_lookup(request->from, 0), *domain;
	struct stat status;
	long error;

	if (image < 0 || fstat(image, &status) < 0 || request->number > NATIVE_DOMAINS_MAX)
		return -EINVAL;
	error = check_caller(from, answer);
	domain = shared_find(&status, owner);
	if (!error && !domain)
		error = shared_create(image, &status, owner, request->number, answer, &domain);
	if (error)
		return error;
	error = check(domain, request, process->uid);
	if (!error)
		error = join(domain, process, answer, descriptors);
	if (!error)
		note_caller(from, domain, process->outer);
	else if (error != SHARED_WAIT && !shared_count(domain))
		shared_destroy(domain);
	return error;
}

long shared_join(unsigned number, const struct shared_process *process, struct broker_answer *answer,
                 int descriptors[2])
{
	struct shared *domain = shared_lookup(number, 0);

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
	struct shared *domain = shared_lookup(number, 0);

	if (!domain || domain->initialiser != process->index)
		return -EINVAL;
	set_ready(domain, result);
	if (result < 0)
		shared_remove(domain, process->index);
	return 0;
}

/* ---- leaving ----------------------------------------------------------------------------------------------
 */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static _Noreturn void tear_down(const struct shared *domain, unsigned index)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	native_backend = NULL; /* the library is alone here: its pages are everybody's */
	_exit(map_and_tear_down(&domain->plan, domain->number, domain->memory, shared_client(domain, index))
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
		shared_remove(domain, index);
		if (domain->used)
			bury_next(domain);
		return;
	}
	shared_set_threads(domain, 0, index, true);
	domain->torn = index;
	domain->deadline = now() + TEARDOWN_SECONDS;
	if (native_backend->remote) {
		served_remove(&domain->served, index, shared_client(domain, index));
		return;
	}
	domain->undertaker = fork();
	if (domain->undertaker == 0)
		tear_down(domain, index);
	if (domain->undertaker < 0) {
		domain->undertaker = 0;
		domain->torn = 0;
		shared_break(domain, "its teardown function could not be run");
		bury_next(domain);
	}
}

/* The departure that was under way is over. */
static void buried(struct shared *domain)
{
	unsigned index = domain->torn;

	domain->torn = 0;
	if (index)
		shared_remove(domain, index);
	if (domain->used)
		bury_next(domain);
}

static void undertaker_ended(struct shared *domain, int status)
{
	domain->undertaker = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		shared_break(domain, "its teardown function did not return");
	else if (status)
		shared_break(domain, "its teardown function crashed");
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
		shared_break(domain, why);
	else
		set_ready(domain, -EINTR);
	memcpy(domain->why, why, sizeof(why));
	buried(domain);
}

void shared_reap(pid_t child, int status)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++) {
		if (shared_domains[i].used && shared_domains[i].undertaker == child)
			undertaker_ended(&shared_domains[i], status);
		else if (shared_domains[i].used && shared_domains[i].served.pid == child)
			server_ended(&shared_domains[i], status);
	}
}

int shared_control(unsigned domain)
{
	return shared_domains[domain].used && shared_domains[domain].served.pid
	               ? shared_domains[domain].served.control
	               : -1;
}

void shared_hear(unsigned number)
{
	struct shared *domain = &shared_domains[number];
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
		if (shared_domains[i].undertaker)
			kill(shared_domains[i].undertaker, SIGKILL);
		served_end(&shared_domains[i].served);
	}
}

bool shared_watch(void)
{
	bool busy = false;

	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++) {
		if (!shared_domains[i].used || !shared_domains[i].torn)
			continue;
		busy = true;
		if (now() > shared_domains[i].deadline)
			kill(native_backend->remote ? shared_domains[i].served.pid
			                            : shared_domains[i].undertaker,
			     SIGKILL);
	}
	return busy;
}

void shared_sweep(void)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && shared_domains[i].started && !shared_count(&shared_domains[i]))
			shared_destroy(&shared_domains[i]);
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
	struct shared *domain = shared_lookup(number, index);

	if (domain)
		leave(domain, index);
}

bool shared_is_client(unsigned number, unsigned index)
{
	const struct shared *domain = shared_lookup(number, index);

	return domain && domain->clients[index] != NONE;
}

bool shared_is_server(pid_t process)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && shared_domains[i].served.pid == process)
			return true;
	return false;
}

bool shared_has_client(unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && shared_domains[i].clients[index] != NONE)
			return true;
	return false;
}

static void end(struct shared *domain, unsigned index)
{
	if (domain->clients[index] == RESERVED) {
		shared_remove(domain, index);
		return;
	}
	if (native_backend->remote) /* its calls end in the server */
		domain->initialiser = domain->initialiser == index ? 0 : domain->initialiser;
	else if (domain->initialiser == index) /* others start it afresh */
		shared_break(domain, "its init function did not return");
	else if (domain->clients[index] == ATTACHED && shared_is_inside(domain, index))
		shared_break(domain, "a process was killed inside");
	leave(domain, index);
}

void shared_end(unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used)
			end(&shared_domains[i], index);
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
	long error = shared_create(original->image, &status, child, original->number, &answer, &domain);

	if (error)
		return error;
	domain->ready = domain->started = true;
	domain->clients[child] = RESERVED;
	error = copy_memory(original->memory, domain->memory);
	if (error) {
		shared_destroy(domain);
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
		if (!shared_domains[i].used || shared_domains[i].clients[parent] != ATTACHED)
			continue;
		if (shared_domains[i].owner)
			error = copy(&shared_domains[i], child);
		else
			shared_domains[i].clients[child] = RESERVED;
		count++;
	}
	if (error)
		shared_end(child);
	return error ? error : count;
}

static void claim(struct shared *domain, const struct shared_process *child)
{
	bool failed = domain->owner && (domain->calls_others || begin_server(domain, child));

	if (shared_add(domain, child))
		domain->clients[child->index] = NONE;
	if (failed)
		shared_break(domain, domain->calls_others
		                             ? "the copy of a library that calls others cannot be called"
		                             : "its server could not be started");
}

void shared_claim(const struct shared_process *child)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && shared_domains[i].clients[child->index] == RESERVED)
			claim(&shared_domains[i], child);
}

long shared_channel(unsigned number, unsigned index, int descriptors[2])
{
	const struct shared *domain = shared_lookup(number, index);

	if (!domain || !domain->served.channels[index])
		return -EINVAL;
	descriptors[0] = domain->served.descriptors[index];
	descriptors[1] = domain->image;
	return 0;
}

void shared_fail(unsigned number, unsigned index, const char *why)
{
	struct shared *domain = shared_lookup(number, index);

	if (domain && domain->clients[index] != NONE && !native_backend->remote) /* a server knows better */
		shared_break(domain, why);
}
