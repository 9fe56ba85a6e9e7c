/* Attaching to libraries, in the process itself: what guest/domain does in the guest. */
#ifndef NATIVE_DOMAIN_H
#define NATIVE_DOMAIN_H

#include "image/image.h"
#include "native/backend.h"
#include "portcullis/abi.h"

#define NATIVE_DOMAINS_MAX 16
#define NATIVE_SLOTS       64 /* threads that can be inside a domain at once */

struct native_domain {
	uint64_t base; /* 0: free */
	struct image_plan plan;
	uint64_t device, inode;         /* of the image file */
	bool by_application;            /* it asked for it; false: only libraries did, which call this one */
	bool calls[NATIVE_DOMAINS_MAX]; /* the libraries that this one's stubs lead to */
};

/* The backend that this process runs on. */
extern const struct native_backend *native_backend;

unsigned domain_number(const struct native_domain *domain); /* in this process, below NATIVE_DOMAINS_MAX */

bool domain_holds(uint64_t address); /* does a domain lie there? */

/* The address of the function behind entry `index`. */
uint64_t domain_function(const struct native_domain *domain, unsigned index);

/* The system calls of portcullis/abi.h. */
long domain_attach(const char *path, unsigned flags, uint64_t interface, uint64_t *slots, unsigned count);
long domain_detach(long number, bool from_library);
long domain_info(unsigned what, char *to, size_t size, long number);

/* Where a fault at `instruction` on `address` continues: the fixup of an argument copy. 0: it is none of one.
 */
uint64_t domain_fixup(uint64_t instruction, uint64_t address);

/* Gives the calling thread the page at GS base that libraries find their caller with. 0 or -errno. */
long domain_thread_page(void);

#endif
