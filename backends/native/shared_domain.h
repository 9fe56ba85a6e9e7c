/* A domain in the broker, and its life: what happens to it is shared.c's. */
#ifndef NATIVE_SHARED_DOMAIN_H
#define NATIVE_SHARED_DOMAIN_H

#include <sys/stat.h>
#include <time.h>

#include "native/served.h"
#include "native/shared.h"

/* What a process is to a domain. */
enum state { NONE, RESERVED, ATTACHED, LEAVING };

struct shared {
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
};
extern struct shared shared_domains[SHARED_DOMAINS_MAX];

/* The shared domain of that number, or (index not 0) the private one of the process. NULL: there is none. */
struct shared *shared_lookup(unsigned number, unsigned index);

/* The domain of the image that works, shared or the process's own. NULL: there is none. */
struct shared *shared_find(const struct stat *status, unsigned owner);

/*
 * A domain of the image, loaded, without clients. `owner`: 0, or the process whose own `number` it is. 0 or
 * -errno, with a sentence in the answer's reason or none.
 */
long shared_create(int file, const struct stat *status, unsigned owner, unsigned number,
                   struct broker_answer *answer, struct shared **created);
void shared_destroy(struct shared *domain);

/* All entrances return PORTCULLIS_FAILED from now on; who attaches gets a fresh domain. */
void shared_break(struct shared *domain, const char *why);

unsigned shared_count(const struct shared *domain); /* of its clients, the coming and the leaving ones too */
uint64_t shared_client(const struct shared *domain, unsigned index); /* address of the client's record */

/* Leads the thread slots that begin at `first` to the client `index`, or (false) to nobody. */
void shared_set_threads(struct shared *domain, unsigned first, unsigned index, bool there);

/* Writes the client's record, and makes it one (0 or -errno); the domain goes with its last one. */
void shared_write(struct shared *domain, const struct shared_process *process);
long shared_add(struct shared *domain, const struct shared_process *process);
void shared_remove(struct shared *domain, unsigned index);

bool shared_is_inside(const struct shared *domain, unsigned index); /* has the client a thread inside? */

#endif
