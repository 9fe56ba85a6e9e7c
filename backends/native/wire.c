/* A library's wire (portcullis/wire.h), in its process: the broker has the regions. */
#include "native/wire.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "native/broker.h"
#include "portcullis/wire.h"

static uint64_t wanted; /* bytes of a region, for the thread that asks */

static long map(const struct native_domain *domain, uint64_t offset, int rights, int memory)
{
	long address = (long)(domain->base + offset);
	long result = native_call(SYS_mmap, address, (long)wanted, native_backend->cover ? PROT_NONE : rights,
	                          MAP_SHARED | MAP_FIXED_NOREPLACE, memory, 0);

	if (result != address)
		return result < 0 ? result : -EEXIST;
	return native_backend->cover ? native_backend->cover(domain, (uint64_t)address, wanted, rights) : 0;
}

static void unmap(const struct native_domain *domain, uint64_t size)
{
	native_call(SYS_munmap, (long)(domain->base + PORTCULLIS_WIRE_OFFSET), (long)size, 0, 0, 0, 0);
	native_call(SYS_munmap, (long)(domain->base + PORTCULLIS_WIRE_PEER_OFFSET), (long)size, 0, 0, 0, 0);
}

static long take_regions(struct broker_answer *answer, int own, int other)
{
	const struct native_domain *domain = domain_numbered(answer->number);
	long error = map(domain, PORTCULLIS_WIRE_OFFSET, PROT_READ | PROT_WRITE, own);

	return error ? error : map(domain, PORTCULLIS_WIRE_PEER_OFFSET, PROT_READ, other);
}

static void give_up(const struct native_domain *domain)
{
	struct broker_request request = {.kind = BROKER_UNWIRE, .number = domain_number(domain)};
	struct broker_answer answer;

	broker_ask(&request, NULL, NULL, &answer);
}

static long map_wire(struct native_domain *domain, uint64_t size, uint64_t name, unsigned end)
{
	struct broker_request request = {.kind = BROKER_WIRE,
	                                 .number = domain_number(domain),
	                                 .count = end,
	                                 .value = (int64_t)name,
	                                 .size = size,
	                                 .device = domain->device,
	                                 .inode = domain->inode};
	struct broker_answer answer;

	if (domain->wire_size)
		return -EBUSY;
	wanted = size;
	broker_ask(&request, NULL, take_regions, &answer);
	if (!answer.result)
		domain->wire_size = size;
	else if (answer.initialise) /* the broker has given it out */
		give_up(domain);
	return answer.result;
}

long wire_map(uint64_t address, uint64_t size, uint64_t name, unsigned end)
{
	uint64_t number = (address - PORTCULLIS_DOMAINS_START) / PORTCULLIS_DOMAIN_SIZE;
	struct native_domain *domain = number < NATIVE_DOMAINS_MAX ? domain_numbered((unsigned)number) : NULL;
	long error;

	if (!domain)
		return -EPERM;
	if (address != domain->base + PORTCULLIS_WIRE_OFFSET || size % PORTCULLIS_PAGE_SIZE)
		return -EINVAL;
	domain_lock();
	error = map_wire(domain, size, name, end);
	domain_unlock();
	return error;
}

void wire_leave(struct native_domain *domain)
{
	if (domain->wire_size)
		give_up(domain);
	domain->wire_size = 0;
}

void wire_forked(struct native_domain *domain)
{
	if (domain->wire_size)
		unmap(domain, domain->wire_size);
	domain->wire_size = 0;
}
