#include "native/shared_domain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "native/load.h"

struct shared shared_domains[SHARED_DOMAINS_MAX];
static uint64_t last_id;

struct shared *shared_lookup(unsigned number, unsigned index)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && shared_domains[i].number == number &&
		    (!shared_domains[i].owner || shared_domains[i].owner == index))
			return &shared_domains[i];
	return NULL;
}

static uint64_t base_of(const struct shared *domain)
{
	return PORTCULLIS_DOMAINS_START + domain->number * PORTCULLIS_DOMAIN_SIZE;
}

uint64_t shared_client(const struct shared *domain, unsigned index)
{
	return base_of(domain) + PORTCULLIS_GATE_DATA_OFFSET + PORTCULLIS_GATE_DATA_CLIENTS +
	       index * sizeof(struct portcullis_client);
}

static struct native_gate *gate_of(const struct shared *domain)
{
	return (struct native_gate *)((char *)domain->data + PORTCULLIS_GATE_DATA_BACKEND);
}

unsigned shared_count(const struct shared *domain)
{
	unsigned count = 0;

	for (unsigned i = 0; i < BROKER_PROCESSES_MAX; i++)
		count += domain->clients[i] != NONE;
	return count;
}

/* ---- life of a domain -------------------------------------------------------------------------------------
 */

void shared_destroy(struct shared *domain)
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
		shared_domains[i].calls[domain->number] = false;
	memset(domain, 0, sizeof(*domain));
}

static long make_image(struct shared *domain)
{
	size_t done = 0;

	domain->image = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (domain->image < 0)
		return -errno;
	while (done < domain->plan.size) {
		ssize_t size = write(domain->image, domain->plan.bytes + done, domain->plan.size - done);

		if (size <= 0)
			return size ? -errno : -EIO;
		done += (size_t)size;
	}
	/* Clients get the descriptor, too. */
	return fcntl(domain->image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) ? -errno : 0;
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
		if (!shared_domains[i].used)
			return &shared_domains[i];
	return NULL;
}

/* Of a shared domain: from above, so that it is free in most processes. -1: all are taken. */
static int free_number(void)
{
	for (int number = NATIVE_DOMAINS_MAX - 1; number >= 0; number--)
		if (!shared_lookup((unsigned)number, 0))
			return number;
	return -1;
}

long shared_create(int file, const struct stat *status, unsigned owner, unsigned number,
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
		shared_destroy(domain);
	*created = domain;
	return error;
}

struct shared *shared_find(const struct stat *status, unsigned owner)
{
	for (unsigned i = 0; i < SHARED_DOMAINS_MAX; i++)
		if (shared_domains[i].used && !shared_domains[i].failed && shared_domains[i].owner == owner &&
		    shared_domains[i].device == status->st_dev && shared_domains[i].inode == status->st_ino)
			return &shared_domains[i];
	return NULL;
}

void shared_break(struct shared *domain, const char *why)
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

void shared_set_threads(struct shared *domain, unsigned first, unsigned index, bool there)
{
	for (unsigned slot = first; slot < first + BROKER_SLOTS; slot++) {
		struct portcullis_thread thread = {0};

		if (there)
			thread = (struct portcullis_thread){
			        .stack_top = base_of(domain) + PORTCULLIS_STACKS_OFFSET +
			                     (slot + 1UL) * PORTCULLIS_STACK_STRIDE,
			        .client = shared_client(domain, index)};
		domain->data->threads[slot] = thread;
		gate_of(domain)->inside[slot] = 0;
	}
}

void shared_write(struct shared *domain, const struct shared_process *process)
{
	unsigned index = process->index;

	domain->data->clients[index] =
	        (struct portcullis_client){++last_id, index, process->pid, process->uid, process->gid};
	shared_set_threads(domain, index * BROKER_SLOTS, index, true);
}

long shared_add(struct shared *domain, const struct shared_process *process)
{
	long error = 0;

	shared_write(domain, process);
	if (native_backend->remote)
		error = served_add(&domain->served, process->index, process->outer);
	domain->clients[process->index] = error ? NONE : ATTACHED;
	return error;
}

void shared_remove(struct shared *domain, unsigned index)
{
	domain->clients[index] = NONE;
	served_drop(&domain->served, index);
	if (domain->initialiser == index)
		domain->initialiser = 0;
	domain->data->clients[index] = (struct portcullis_client){0};
	shared_set_threads(domain, index * BROKER_SLOTS, index, false);
	if (!shared_count(domain))
		shared_destroy(domain);
}

bool shared_is_inside(const struct shared *domain, unsigned index)
{
	for (unsigned i = 0; i < BROKER_SLOTS; i++)
		if (domain_is_inside(gate_of(domain), base_of(domain), index * BROKER_SLOTS + i))
			return true;
	return false;
}
